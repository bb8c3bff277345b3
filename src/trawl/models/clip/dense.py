"""Embeds patches of pictures in the space of an open_clip model's texts.

A CLIP that was trained on whole pictures does not localise by itself: its last block gathers the
picture into every patch. That block is therefore run as NACLIP does (Hajimiri et al. 2024, "Pay
Attention to Your Neighbours", arXiv 2404.08181): patches attend to those with similar keys and, by
a Gaussian, to their neighbours, and neither the residual nor the MLP is added. It goes back to
MaskCLIP (Zhou et al. 2022, arXiv 2112.01071: values instead of attention) and SCLIP (Wang et al.
2023, arXiv 2312.01597: queries to queries and keys to keys); docs/grounding.md has the figures. No
weight changes.

The demo CLIP was trained to localise, so its own patches are used, and keep their length: one of
bare background is short, and its direction means little.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trawl.demo import clip as demo
from trawl.errors import ConfigError
from trawl.models.clip.openclip import OpenClipEmbedder
from trawl.models.clip.weights import BUILTIN, Blueprint
from trawl.records.arrays import Embeddings, Frames
from trawl.records.video import ImageSpec

if TYPE_CHECKING:
    from torch import Tensor

# What is around things: the background words that SCLIP contrasts PASCAL VOC's classes with.
BACKGROUND = (
    *(
        "sky",
        "wall",
        "tree",
        "wood",
        "grass",
        "road",
        "sea",
        "river",
        "mountain",
        "sand",
        "desk",
        "building",
        "cloud",
    ),
    *(
        "lamp",
        "door",
        "window",
        "wardrobe",
        "ceiling",
        "shelf",
        "curtain",
        "stairs",
        "floor",
        "hill",
        "rail",
        "fence",
    ),
)
_NEIGHBOURHOOD = 5.0  # patches: the Gaussian's standard deviation, as published
# What the demo's patches are multiplied by: their dot products with texts are about 10 on a thing
# and 5 on one that shares its colour or shape. Of 1, 1/2 and 1/3, half gave the boxes nearest to
# the things, on
# validation scenes.
DEMO_SCALE = 0.5


class DenseClip:
    """An open_clip model as a `protocols.DenseEmbedder`."""

    def __init__(self, embedder: OpenClipEmbedder) -> None:
        """
        Args:
            embedder: shared, not copied.

        Raises:
            ConfigError: the model's image tower has no patches that could be compared with texts.
        """
        self._embedder = embedder
        check(embedder.blueprint)
        self._patches = (
            _demo_patches if embedder.blueprint.weights == BUILTIN else self._vit_patches
        )
        visual = embedder.model.visual
        if self._patches == self._vit_patches and not _is_plain_vit(visual):
            raise ConfigError(_refusal(embedder.blueprint.model))

    @property
    def dim(self) -> int:
        """D, the size of an embedding."""
        return self._embedder.dim

    @property
    def image_spec(self) -> ImageSpec:
        """The picture that `embed_images` and `embed_patches` expect; its sides are scaled each on
        its own.
        """
        return self._embedder.image_spec

    @property
    def logit_scale(self) -> float:
        """Scale of cosines between pictures and texts before a softmax."""
        return self._embedder.logit_scale

    @property
    def contrast(self) -> Sequence[str]:
        """Phrases for what else may be on a picture."""
        return demo_contrast() if self._embedder.blueprint.weights == BUILTIN else BACKGROUND

    def embed_images(self, frames: Frames) -> Embeddings:
        """(N, S, S, 3) uint8 RGB -> (N, D) float32, unit length. N may be 0."""
        return self._embedder.embed_images(frames)

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """Q texts -> (Q, D) float32, unit length. Q may be 0."""
        return self._embedder.embed_texts(texts)

    def embed_patches(self, frames: Frames) -> NDArray[np.float32]:
        """(N, S, S, 3) uint8 RGB -> (N, h, w, D) float32, whose dot product with a text's embedding
        is a logit.
        """
        import torch

        step = self._embedder.blueprint.image.size
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1:] != (step, step, 3):
            raise ValueError(
                f"expected uint8 pictures (N, {step}, {step}, 3), got {frames.dtype} {frames.shape}"
            )
        if not len(frames):
            grid = self._patches(
                self._embedder.model, self._embedder.normalised(torch.zeros(1, step, step, 3))
            )
            return np.empty((0, *grid.shape[1:]), np.float32)
        model, parts = self._embedder.model, []
        with torch.inference_mode(), self._embedder.precision():
            for start in range(0, len(frames), self._embedder.batch_size):
                chunk = torch.from_numpy(
                    np.ascontiguousarray(frames[start : start + self._embedder.batch_size])
                )
                parts.append(self._patches(model, self._embedder.normalised(chunk)).float().cpu())
        patches: NDArray[np.float32] = torch.cat(parts).numpy()
        return patches

    def _vit_patches(self, model: Any, pixels: "Tensor") -> "Tensor":
        """A pretrained patch's length means nothing: unit length, times the model's own scale."""
        import torch.nn.functional as F  # noqa: N812  (its usual name)

        return self.logit_scale * F.normalize(vit_patches(model.visual, pixels).float(), dim=-1)


def check(blueprint: Blueprint) -> None:
    """Whether a model can say what is where, as far as its settings tell. Imports no torch.

    Raises:
        ConfigError: it cannot.
    """
    if blueprint.kind != "openclip" or (blueprint.needs_timm and blueprint.weights != BUILTIN):
        raise ConfigError(_refusal(blueprint.model))


def demo_contrast() -> tuple[str, ...]:
    """List what there is in the demo's world: every colour of every shape, and the backgrounds."""
    from trawl.demo import words

    pairs = [
        words.article(words.name(color, shape)) for color in words.COLORS for shape in words.SHAPES
    ]
    return (*pairs, *words.BACKGROUNDS.values())


def vit_patches(visual: Any, pixels: "Tensor", neighbours: bool = True) -> "Tensor":
    """(N, 3, S, S) -> (N, h, w, D): patches of open_clip's own ViT in the text space, not
    normalised.

    Args:
        visual: an `open_clip.transformer.VisionTransformer`.
        pixels: normalised pictures.
        neighbours: the last block as NACLIP runs it; False runs it as it was trained.
    """
    x = visual._embeds(pixels)
    *blocks, last = visual.transformer.resblocks
    for block in blocks:
        x = block(x)
    x = _neighbour_attention(last, x, visual.grid_size) if neighbours else last(x)
    if not visual.final_ln_after_pool or neighbours:
        x = visual.ln_post(x)
    patches: Tensor = x[:, 1:] @ visual.proj
    return patches.reshape(len(patches), *visual.grid_size, -1)


def _neighbour_attention(block: Any, x: "Tensor", grid: tuple[int, int]) -> "Tensor":
    """(N, 1 + h w, W) -> the same: attention of keys to keys, raised near a patch, without residual
    and MLP.
    """
    import torch.nn.functional as F  # noqa: N812

    attention = block.attn
    y = block.ln_1(x)
    _, k, v = F.linear(y, attention.in_proj_weight, attention.in_proj_bias).chunk(3, dim=-1)
    k, v = (
        t.reshape(*t.shape[:2], attention.num_heads, -1).transpose(1, 2) for t in (k, v)
    )  # (N, heads, T, W / heads)
    near = _nearness(grid).to(k)
    mixed = F.scaled_dot_product_attention(k, k, v, attn_mask=near)
    out: Tensor = attention.out_proj(mixed.transpose(1, 2).flatten(2))
    return out


def _nearness(grid: tuple[int, int]) -> "Tensor":
    """(1 + h w, 1 + h w): a Gaussian of the distance between two patches; 0 to and from the class
    token.
    """
    import torch
    import torch.nn.functional as F  # noqa: N812

    rows, columns = (torch.arange(n, dtype=torch.float32) for n in grid)
    place = torch.cartesian_prod(rows, columns)
    gaussian = torch.exp(-(torch.cdist(place, place) ** 2) / (2 * _NEIGHBOURHOOD**2))
    return F.pad(gaussian, (1, 0, 1, 0))


def _demo_patches(model: Any, pixels: "Tensor") -> "Tensor":
    patches: Tensor = model.visual.trunk.forward_patches(pixels) * DEMO_SCALE
    return patches


def _is_plain_vit(visual: Any) -> bool:
    """open_clip's own ViT with a class token and torch's attention, whose parts `vit_patches`
    knows.
    """
    from torch.nn import MultiheadAttention

    blocks = getattr(getattr(visual, "transformer", None), "resblocks", None)
    plain = blocks is not None and isinstance(getattr(blocks[-1], "attn", None), MultiheadAttention)
    return plain and visual.attn_pool is None and visual.proj is not None


def _refusal(model: str) -> str:
    return (
        f"{model} cannot say what is where: set grounder.model to one of open_clip's own ViTs such as ViT-B-16, or choose "
        f"grounder=grounding_dino or grounder=owlv2 ({demo.MODEL_NAME} can, but knows only coloured shapes)"
    )

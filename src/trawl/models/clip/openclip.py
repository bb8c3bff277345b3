"""CLIP models by open_clip: uint8 pictures and texts in, unit vectors out.

Pictures are normalised here, inside torch and on the model's device, so that no float picture
crosses a process border. Texts are always embedded at full precision, on any machine: `precision`
is about throughput on pictures. Knows nothing of videos or tables.
"""

import logging
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from trawl.errors import WeightsError
from trawl.models import precision
from trawl.models.clip import imports as slim_import
from trawl.models.clip.class_token import image_encoder
from trawl.models.clip.weights import BUILTIN, Blueprint, random_seed
from trawl.models.devices import check_compiler, device_of
from trawl.records.arrays import Embeddings, Frames
from trawl.records.video import ImageSpec

if TYPE_CHECKING:
    import torch

_TEXT_BATCH = 256
_INITIALISERS = frozenset(
    (
        "normal_",
        "uniform_",
        "erfinv_",
        "kaiming_uniform_",
        "kaiming_normal_",
        "xavier_uniform_",
        "xavier_normal_",
    )
)


class OpenClipEmbedder:
    """An open_clip model as a `protocols.Embedder`."""

    def __init__(
        self,
        blueprint: Blueprint,
        device: str = "auto",
        batch_size: int = 32,
        threads: int | None = None,
    ) -> None:
        """Load the model.

        Args:
            blueprint: what to build, from `weights.resolve` or `weights.from_identity`.
            device: "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:<n>".
            batch_size: pictures in one forward pass.
            threads: of torch on the CPU; None leaves torch's own choice. Holds for the whole
                process.

        Raises:
            ConfigError: the device does not exist, or the model is to be compiled and there is no
                compiler.
            WeightsError: the file is damaged or belongs to another model.
        """
        import torch

        if threads is not None:
            torch.set_num_threads(threads)
        self._blueprint = blueprint
        self.batch_size = batch_size
        self._device = device_of(device)
        if blueprint.compile:
            check_compiler("embedder.compile", self._device.type != "cpu")
        self._model: Any = _load(blueprint).to(self._device).eval()
        lowered = precision.computed(blueprint.precision, self._device)
        self._dtype = precision.lower(self._model.visual, lowered)
        self._encode_image = image_encoder(self._model, lowered)
        if blueprint.compile:
            _compile(self._encode_image, self._model.visual)
        self._tokenizer: Any = None  # made by the first text: indexing never needs one
        scale = torch.tensor(blueprint.std, device=self._device) * 255.0
        self._mean = (torch.tensor(blueprint.mean, device=self._device) * 255.0).view(1, 3, 1, 1)
        self._std = scale.view(1, 3, 1, 1)

    @property
    def dim(self) -> int:
        """D, the size of an embedding."""
        return self._blueprint.dim

    @property
    def image_spec(self) -> ImageSpec:
        """The picture that `embed_images` expects."""
        return self._blueprint.image

    @property
    def logit_scale(self) -> float:
        """Scale of cosines before a softmax, as the model learned it."""
        return float(self._model.logit_scale.detach().exp())

    def embed_images(self, frames: Frames) -> Embeddings:
        """(N, S, S, 3) uint8 RGB, S as in `image_spec` -> (N, D) float32, unit length.

        N may be 0.
        """
        import torch

        size = self.image_spec.size
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1:] != (size, size, 3):
            raise ValueError(
                f"expected uint8 pictures (N, {size}, {size}, 3), got {frames.dtype} {frames.shape}"
            )
        out = np.empty((len(frames), self.dim), np.float32)
        with torch.inference_mode():
            for start in range(0, len(frames), self.batch_size):
                chunk = frames[start : start + self.batch_size]
                out[start : start + len(chunk)] = self._embed_batch(
                    torch.from_numpy(np.ascontiguousarray(chunk))
                )
        return out

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """Q texts -> (Q, D) float32, unit length.

        Q may be 0. A text beyond the model's context is cut.
        """
        import torch

        if not texts:
            return np.empty((0, self.dim), np.float32)
        tokens = self._tokenize(list(texts))
        with torch.inference_mode():
            parts = [
                self._model.encode_text(part.to(self._device))
                for part in torch.split(tokens, _TEXT_BATCH)
            ]
            return _unit(torch.cat(parts))

    def _embed_batch(self, batch: "torch.Tensor") -> Embeddings:
        """(B, S, S, 3) uint8 -> (B, D).

        The permuted view of RGB rows is torch's channels-last layout as it stands.
        """
        pixels = self.normalised(batch)
        with self.precision():
            features = self._encode_image(pixels)
        return _unit(features)

    @property
    def blueprint(self) -> Blueprint:
        """Return the blueprint that this was built from."""
        return self._blueprint

    @property
    def model(self) -> Any:
        """open_clip's model itself, for `dense.py`."""
        return self._model

    def normalised(self, batch: "torch.Tensor") -> "torch.Tensor":
        """(B, S, S, 3) uint8 -> (B, 3, S, S) float32 on the model's device, as the model wants its
        input.
        """
        pixels = batch.to(self._device, non_blocking=True).permute(0, 3, 1, 2).float()
        return pixels.sub_(self._mean).div_(self._std)

    def precision(self) -> Any:
        """A context in which pictures are embedded at the blueprint's precision."""
        return precision.autocast(self._dtype, self._device)

    def _tokenize(self, texts: list[str]) -> "torch.Tensor":
        if self._tokenizer is None:
            self._tokenizer = _tokenizer(self._blueprint.model)
        tokens: torch.Tensor = self._tokenizer(texts)
        return tokens


def _unit(features: "torch.Tensor") -> Embeddings:
    """Unit length, computed at full precision whatever the model ran at."""
    vectors = features.float()
    unit: Embeddings = (vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)).cpu().numpy()
    return unit


def _compile(encoder: Any, visual: Any) -> None:
    """Block by block, since all have the same code: half the time that compiling the whole tower
    takes.
    """
    import torch

    tower = encoder if isinstance(encoder, torch.nn.Module) else visual
    blocks = getattr(getattr(tower, "transformer", None), "resblocks", None)
    blocks = getattr(getattr(tower, "trunk", None), "blocks", blocks)
    for part in blocks if blocks is not None else [tower]:
        part.compile(dynamic=True)


def _load(blueprint: Blueprint) -> Any:
    """The model with its weights, on the CPU, in float32."""
    import torch

    from trawl.demo import clip

    open_clip = slim_import.open_clip(blueprint.needs_timm, blueprint.needs_transformers)
    if blueprint.weights == BUILTIN:
        clip.register()
    seed = random_seed(blueprint.weights)
    with (
        quiet(),
        nullcontext() if seed is not None else _uninitialised(),
        torch.random.fork_rng(devices=[]),
    ):
        torch.manual_seed(seed or 0)
        model = open_clip.create_model(blueprint.model, load_weights=False, pretrained_text=False)
    if blueprint.weights == BUILTIN:
        model.load_state_dict(clip.load_state_dict())
    elif seed is None:
        _load_weights(model, blueprint)
    return model.requires_grad_(False)


def _uninitialised() -> Any:
    """Inside, no random number is drawn for a new model's weights, which a checkpoint replaces at
    once.

    Spares each actor 1.3 s of CPU for a ViT-B-32 and 3.9 s for a PE-Core-B-16.
    """
    from torch.overrides import TorchFunctionMode

    class Uninitialised(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if getattr(func, "__name__", "") in _INITIALISERS:
                return args[0] if args else kwargs["tensor"]
            return func(*args, **(kwargs or {}))

    return Uninitialised()


@contextmanager
def quiet() -> Iterator[None]:
    """open_clip warns, on the root logger, that it loaded no weights: right here, where they are
    loaded next.
    """
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)


def _load_weights(model: Any, blueprint: Blueprint) -> None:
    from safetensors import SafetensorError

    assert blueprint.path is not None, "only random weights have no file"
    try:
        slim_import.open_clip(needs_timm=False).load_checkpoint(model, blueprint.path)
    except (
        RuntimeError,
        LookupError,
        ValueError,
        EOFError,
        pickle.UnpicklingError,
        SafetensorError,
    ) as error:
        first = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{blueprint.path} holds no weights of {blueprint.model}: give that model's own checkpoint ({first})"
        ) from error


def _tokenizer(model: str) -> Any:
    try:
        return slim_import.open_clip(needs_timm=False).get_tokenizer(model)
    except (OSError, ImportError) as error:
        first = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"the tokenizer of {model} is not here: pip install 'trawl[siglip]' and fetch it ({first})"
        ) from error

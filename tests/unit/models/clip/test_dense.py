"""Patches in the space of texts: open_clip's real architectures at random initialisation, and the
demo's own.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from trawl.config.models import EmbedderConfig
from trawl.errors import ConfigError
from trawl.models import precision
from trawl.models.clip import dense
from trawl.models.clip import embedders as registry
from trawl.models.clip.dense import DenseClip
from trawl.models.clip.openclip import OpenClipEmbedder
from trawl.models.protocols import DenseEmbedder, Embedder


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def embedder(model: str, weights: str = "random:0") -> OpenClipEmbedder:
    built = registry.build(
        registry.resolve(EmbedderConfig("openclip", model, weights)), "cpu", batch_size=2
    )
    assert isinstance(built, OpenClipEmbedder)
    return built


@pytest.fixture(scope="module")
def vit() -> OpenClipEmbedder:
    return embedder("ViT-S-32")


@pytest.fixture(scope="module")
def demo() -> DenseClip:
    return DenseClip(embedder("trawl-demo-clip", "builtin"))


def pictures(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def test_shapes_and_scale(vit: OpenClipEmbedder) -> None:
    model = DenseClip(vit)
    assert isinstance(model, DenseEmbedder)
    patches = model.embed_patches(pictures(3, 224))
    assert patches.shape == (3, 7, 7, model.dim) and patches.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(patches, axis=-1), model.logit_scale, rtol=1e-4)
    assert model.logit_scale == pytest.approx(1 / 0.07, rel=1e-3)
    assert model.embed_patches(pictures(0, 224)).shape == (0, 7, 7, model.dim)
    np.testing.assert_array_equal(
        model.embed_images(pictures(1, 224)), vit.embed_images(pictures(1, 224))
    )


def test_the_unmodified_path_gives_the_models_own_tokens(vit: OpenClipEmbedder) -> None:
    visual = vit.model.visual
    pixels = vit.normalised(torch.from_numpy(pictures(2, 224)))
    with torch.inference_mode():
        ours = dense.vit_patches(visual, pixels, neighbours=False)
        visual.output_tokens = True
        try:
            _, tokens = visual(pixels)
        finally:
            visual.output_tokens = False
    torch.testing.assert_close(ours.flatten(1, 2), tokens @ visual.proj, atol=1e-5, rtol=1e-4)


def test_neighbour_attention_is_what_the_paper_says(vit: OpenClipEmbedder) -> None:
    """One head, one patch, written out: softmax of k k' / sqrt(d) plus a Gaussian of the distance,
    then the output map.
    """
    block = vit.model.visual.transformer.resblocks[-1]
    width, heads = block.attn.embed_dim, block.attn.num_heads
    grid, each = (3, 4), block.attn.embed_dim // block.attn.num_heads
    x = torch.randn(1, 13, width, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours = dense._neighbour_attention(block, x, grid)[0]
        y = block.ln_1(x)[0]
        weight, bias = block.attn.in_proj_weight, block.attn.in_proj_bias
        k = y @ weight[width : 2 * width].T + bias[width : 2 * width]
        v = y @ weight[2 * width :].T + bias[2 * width :]
        token, parts = 7, []  # patch (1, 2)
        distance = torch.tensor([(r - 1) ** 2 + (c - 2) ** 2 for r in range(3) for c in range(4)])
        near = torch.cat([torch.zeros(1), torch.exp(-distance / 50)])
        for head in range(heads):
            mine = slice(head * each, (head + 1) * each)
            shares = (k[:, mine] @ k[token, mine] / each**0.5 + near).softmax(0)
            parts.append(shares @ v[:, mine])
        expected = block.attn.out_proj(torch.cat(parts))
    torch.testing.assert_close(ours[token], expected, atol=1e-4, rtol=1e-3)


def test_a_patch_depends_on_its_neighbours_less_than_the_trained_block_makes_it(
    vit: OpenClipEmbedder,
) -> None:
    pixels = vit.normalised(torch.from_numpy(pictures(1, 224)))
    with torch.inference_mode():
        plain, near = (
            dense.vit_patches(vit.model.visual, pixels, neighbours=n) for n in (False, True)
        )
    assert (plain - near).abs().max() > 0.01


def test_a_convolutional_tower_is_refused_when_it_is_built() -> None:
    with pytest.raises(ConfigError, match="RN50 cannot say what is where"):
        DenseClip(embedder("RN50"))


@pytest.mark.parametrize(("model", "needs_timm"), [("PE-Core-B-16", True), ("colors", False)])
def test_towers_of_timm_and_fakes_are_refused_before_anything_is_built(
    model: str, needs_timm: bool
) -> None:
    kind = "openclip" if needs_timm else "fake"
    blueprint = replace(
        registry.resolve(EmbedderConfig("fake")), kind=kind, model=model, needs_timm=needs_timm
    )
    with pytest.raises(
        ConfigError, match=rf"{model} cannot say what is where: set grounder\.model"
    ):
        dense.check(blueprint)


def test_the_demo_points_at_what_it_is_asked_for(demo: DenseClip) -> None:
    from training import gallery
    from trawl.demo import words

    shown = gallery.drawn(0, 12, 112, "val", pairs=[("red", s) for s in words.SHAPES])
    patches = demo.embed_patches(shown.images)
    assert patches.shape == (12, 14, 14, 128)
    hits = []
    for seen, grid in zip(shown.seen, patches):
        for thing in seen:
            if thing.share > 0.8:
                text = demo.embed_texts(
                    [words.article(words.name(thing.want.color, thing.want.shape))]
                )[0]
                y, x = np.unravel_index((grid @ text).argmax(), (14, 14))
                hits.append(thing.mask[8 * y : 8 * y + 8, 8 * x : 8 * x + 8].any())
    assert len(hits) >= 10 and np.mean(hits) > 0.9


def test_the_demos_contrast_is_its_world_and_others_have_backgrounds(
    demo: DenseClip, vit: OpenClipEmbedder
) -> None:
    assert {"a red star", "an orange ring", "waves"} <= set(demo.contrast)
    assert len(demo.contrast) == 12 * 12 + 8
    assert "sky" in DenseClip(vit).contrast


def test_pictures_of_another_size_are_refused(demo: DenseClip) -> None:
    with pytest.raises(ValueError, match=r"\(N, 112, 112, 3\)"):
        demo.embed_patches(pictures(1, 96))


def test_is_an_embedder_too(demo: DenseClip) -> None:
    assert isinstance(demo, Embedder)


def test_bf16_stays_near_fp32(vit: OpenClipEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    # a CPU without bf16 emulates it here, where a job would compute in fp32
    monkeypatch.setattr(precision, "cpu_has", lambda word: True)
    half = OpenClipEmbedder(replace(vit.blueprint, precision="bf16"), "cpu")
    got, exact = (DenseClip(one).embed_patches(pictures(1, 224)) for one in (half, vit))
    assert 0 < np.abs(got - exact).max() < 0.05 * float(np.abs(exact).max())

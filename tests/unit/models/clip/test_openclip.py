"""open_clip's models behind our protocol: real architectures at random initialisation, held against
open_clip itself.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from trawl.config.models import EmbedderConfig
from trawl.decode.resize import resize
from trawl.errors import ConfigError, WeightsError
from trawl.models import precision
from trawl.models.clip import embedders as registry
from trawl.models.clip import imports as slim_import
from trawl.models.clip.openclip import OpenClipEmbedder
from trawl.models.protocols import Embedder


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def settings(**values: str) -> EmbedderConfig:
    return EmbedderConfig(
        **{"kind": "openclip", "model": "ViT-B-32", "weights": "random:0"} | values
    )


@pytest.fixture(scope="module")
def vit() -> OpenClipEmbedder:
    return OpenClipEmbedder(registry.resolve(settings(aspect="center_crop")), "cpu", batch_size=2)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Photographs would do; smooth noise has what matters here, edges and gradients at every scale."""
    rng = np.random.default_rng(0)
    shapes = [(360, 640), (480, 300), (224, 224), (97, 401)]
    coarse = [
        rng.integers(0, 256, (max(h // 16, 2), max(w // 16, 2), 3), dtype=np.uint8)
        for h, w in shapes
    ]
    return [
        np.asarray(Image.fromarray(c).resize((w, h), Image.Resampling.BICUBIC))
        for c, (h, w) in zip(coarse, shapes)
    ]


def test_is_an_embedder(vit: OpenClipEmbedder) -> None:
    assert isinstance(vit, Embedder)
    assert (vit.dim, vit.image_spec.size) == (512, 224)


def test_center_crop_equals_open_clips_own_preprocessing_and_model(
    vit: OpenClipEmbedder, pictures: list[np.ndarray]
) -> None:
    oc = slim_import.open_clip(needs_timm=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, _, preprocess = oc.create_model_and_transforms("ViT-B-32")
    with torch.inference_mode():
        batch = torch.stack([preprocess(Image.fromarray(picture)) for picture in pictures])
        expected = model.eval().encode_image(batch, normalize=True).numpy()
    ours = vit.embed_images(np.stack([resize(picture, vit.image_spec) for picture in pictures]))
    cosine = (ours * expected).sum(axis=1)
    assert cosine.min() >= 0.999
    # Pictures differ far more from each other than ours from open_clip's, so the line above can
    # fail.
    assert (1 - cosine.min()) < 0.1 * (1 - np.sort(ours @ ours.T, axis=1)[:, -2].max())


def test_texts_equal_open_clips_own(vit: OpenClipEmbedder) -> None:
    oc = slim_import.open_clip(needs_timm=False)
    texts = ["a red star", "紅い星 🌟", "word " * 500]
    with torch.inference_mode():
        expected = vit._model.encode_text(
            oc.get_tokenizer("ViT-B-32")(texts), normalize=True
        ).numpy()
    np.testing.assert_allclose(vit.embed_texts(texts), expected, atol=1e-6)


def test_batches_do_not_change_a_picture(vit: OpenClipEmbedder, pictures: list[np.ndarray]) -> None:
    batch = np.stack([resize(picture, vit.image_spec) for picture in pictures[:3]])
    together, alone = (
        vit.embed_images(batch),
        np.concatenate([vit.embed_images(batch[i : i + 1]) for i in range(3)]),
    )
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-5)


def test_nothing_in_nothing_out(vit: OpenClipEmbedder) -> None:
    assert (
        vit.embed_images(np.zeros((0, 224, 224, 3), np.uint8)).shape
        == vit.embed_texts([]).shape
        == (0, 512)
    )


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((1, 224, 224, 3), np.float32),
        np.zeros((1, 32, 32, 3), np.uint8),
        np.zeros((224, 224, 3), np.uint8),
    ],
    ids=["float", "size", "no batch"],
)
def test_refuses_what_is_no_batch_of_its_pictures(
    vit: OpenClipEmbedder, frames: np.ndarray
) -> None:
    with pytest.raises(ValueError, match="expected uint8 pictures"):
        vit.embed_images(frames)


@pytest.mark.parametrize(("word", "least"), [("bf16", 0.9999), ("fp16", 0.99999), ("int8", 0.9995)])
def test_lower_precisions_stay_near_fp32(
    word: str,
    least: float,
    vit: OpenClipEmbedder,
    pictures: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # whatever this machine's CPU has
    monkeypatch.setattr(precision, "computed", lambda word, device: word)
    batch = np.stack([resize(picture, vit.image_spec) for picture in pictures[:1]])
    lower = OpenClipEmbedder(replace(vit._blueprint, precision=word), "cpu")
    got, exact = lower.embed_images(batch), vit.embed_images(batch)
    assert least < (got * exact).sum() < 1 - 1e-7, "equal would mean that the setting does nothing"
    np.testing.assert_array_equal(got, lower.embed_images(batch), err_msg="the same picture twice")
    np.testing.assert_array_equal(lower.embed_texts(["a dog"]), vit.embed_texts(["a dog"]))


def test_what_the_cpu_lacks_is_embedded_in_fp32(
    vit: OpenClipEmbedder, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "cpu_has", lambda word: False)
    batch = np.stack([resize(picture, vit.image_spec) for picture in pictures[:1]])
    elsewhere = OpenClipEmbedder(replace(vit._blueprint, precision="bf16"), "cpu")
    np.testing.assert_array_equal(elsewhere.embed_images(batch), vit.embed_images(batch))


def test_compiling_without_a_compiler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        ConfigError, match=r"embedder.compile=true needs a compiler.*no-such-compiler"
    ) as error:
        registry.build(registry.resolve(replace(settings(model="ViT-S-32"), compile=True)), "cpu")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("model", ["ViT-S-32", "trawl-demo-clip"])
def test_each_block_is_compiled_once_asked_for(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler itself takes a minute: that what it compiled gives the same is in
    `benchmarks.precision`.
    """
    compiled: list[torch.nn.Module] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **options: compiled.append(self))
    weights = "builtin" if model == "trawl-demo-clip" else "random:0"
    registry.build(
        registry.resolve(replace(settings(model=model, weights=weights), compile=True)), "cpu"
    )
    assert len(compiled) == (12 if model == "ViT-S-32" else 1)


def test_the_seed_decides() -> None:
    oc = slim_import.open_clip(needs_timm=False)
    assert "ViT-S-32" in oc.list_models()
    one, same, other = (
        registry.build(
            registry.resolve(settings(model="ViT-S-32", weights=f"random:{seed}")), "cpu"
        ).embed_texts(["x"])
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.01


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_checkpoint_gives_the_model_it_was_saved_from(suffix: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    saved = OpenClipEmbedder(
        registry.resolve(settings(model="ViT-S-32", weights="random:3")), "cpu"
    )
    path = tmp_path / f"model{suffix}"
    state = saved._model.state_dict()
    save_file(state, str(path)) if suffix == ".safetensors" else torch.save(
        {"state_dict": state}, path
    )
    loaded = registry.build(registry.resolve(settings(model="ViT-S-32", weights=str(path))), "cpu")
    picture = np.full((1, 224, 224, 3), 99, np.uint8)
    np.testing.assert_array_equal(loaded.embed_images(picture), saved.embed_images(picture))
    np.testing.assert_array_equal(loaded.embed_texts(["x"]), saved.embed_texts(["x"]))


def test_the_models_own_random_numbers_are_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    registry.build(registry.resolve(settings(model="ViT-S-32")), "cpu")
    assert torch.equal(torch.rand(3), expected)


def test_builtin_demo_model_loads() -> None:
    embedder = registry.build(
        registry.resolve(settings(model="trawl-demo-clip", weights="builtin")), "cpu"
    )
    size = embedder.image_spec.size
    assert embedder.embed_images(np.zeros((1, size, size, 3), np.uint8)).shape == (1, embedder.dim)


@pytest.mark.parametrize(
    "content", [b"", b"text", b"PK\x03\x04 not a zip"], ids=["empty", "text", "broken zip"]
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_damaged_checkpoint_is_one_line(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="holds no weights of ViT-S-32") as caught:
        registry.build(registry.resolve(settings(model="ViT-S-32", weights=str(path))), "cpu")
    assert "\n" not in str(caught.value)


def test_another_models_checkpoint_is_one_line(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, str(path))
    with pytest.raises(WeightsError, match="holds no weights of ViT-S-32"):
        registry.build(registry.resolve(settings(model="ViT-S-32", weights=str(path))), "cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_an_unknown_device_is_one_line(device: str) -> None:
    with pytest.raises(ConfigError, match=f"device={device}"):
        registry.build(registry.resolve(settings(model="ViT-S-32")), device)

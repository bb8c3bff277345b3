"""From settings or a recipe to an embedder."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trawl.config.models import EmbedderConfig
from trawl.errors import ConfigError, WeightsError
from trawl.models import precision
from trawl.models.clip import embedders as registry
from trawl.models.fakes.embedder import FakeEmbedder


def test_a_fake_from_its_settings_and_from_its_recipe() -> None:
    made = registry.resolve(EmbedderConfig(kind="fake", model="colors", aspect="pad"))
    again = registry.from_recipe(json.loads(json.dumps(made.identity())))
    assert again == made
    embedder = registry.build(made)
    assert isinstance(embedder, FakeEmbedder) and embedder.image_spec.aspect == "pad"
    np.testing.assert_array_equal(registry.build_text(made)(["red"]), embedder.embed_texts(["red"]))


def test_an_unknown_kind_is_one_line() -> None:
    with pytest.raises(ConfigError, match="did you mean 'openclip'"):
        registry.resolve(EmbedderConfig(kind="open_clip", model="x"))


def test_a_worker_finds_the_weights_on_its_own_machine() -> None:
    made = registry.resolve(
        EmbedderConfig(kind="openclip", model="trawl-demo-clip", weights="builtin")
    )
    elsewhere = replace(made, path="/another/machine/weights.safetensors")
    np.testing.assert_array_equal(
        registry.build(elsewhere, "cpu").embed_texts(["x"]),
        registry.build(made, "cpu").embed_texts(["x"]),
    )


def test_a_worker_takes_no_other_file_of_the_same_name(tmp_path: Path) -> None:
    made = registry.resolve(
        EmbedderConfig(kind="openclip", model="trawl-demo-clip", weights="builtin")
    )
    other = tmp_path / "weights.safetensors"
    other.write_bytes(b"something else")
    assert registry.build(replace(made, path=str(other)), "cpu").dim == made.dim


def test_a_worker_with_other_weights_refuses() -> None:
    made = registry.resolve(
        EmbedderConfig(kind="openclip", model="trawl-demo-clip", weights="builtin")
    )
    with pytest.raises(WeightsError, match="is not what made this index"):
        registry.build(
            replace(made, path="/another/machine/weights.safetensors", sha256="0" * 64), "cpu"
        )


AUTO = EmbedderConfig(kind="openclip", model="trawl-demo-clip", weights="builtin", precision="auto")


@pytest.mark.parametrize(("has", "other"), [(True, "fp32"), (False, "bf16")])
def test_auto_is_settled_here_and_keeps_what_an_index_has(
    has: bool, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "cpu_has", lambda word: has)
    monkeypatch.setattr(precision, "gpu_major", lambda: None)
    settled = registry.resolve(AUTO)
    assert settled.precision == settled.identity()["precision"] == ("bf16" if has else "fp32")
    published = json.loads(json.dumps(replace(settled, precision=other).identity()))
    assert registry.resolve(AUTO, published).identity() == published
    assert registry.from_recipe(published).precision == other


@pytest.mark.parametrize(
    ("config", "change"),
    [
        (AUTO, {"sha256": "0" * 64}),
        (AUTO, {"precision": "int8"}),
        (replace(AUTO, aspect="pad"), {}),
        (replace(AUTO, precision="fp32"), {}),
    ],
    ids=["other weights", "not one that auto chooses", "other settings", "asked for"],
)
def test_an_index_that_differs_otherwise_decides_nothing(
    config: EmbedderConfig, change: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "cpu_has", lambda word: False)
    monkeypatch.setattr(precision, "gpu_major", lambda: None)
    published = {**replace(registry.resolve(AUTO), precision="bf16").identity(), **change}
    assert registry.resolve(config, published).precision == "fp32"


def test_weights_that_were_moved_are_the_same_weights(tmp_path: Path) -> None:
    from trawl.demo import clip

    moved, other = tmp_path / "moved.safetensors", tmp_path / "other.safetensors"
    moved.write_bytes(clip.weights_path().read_bytes())
    other.write_bytes(clip.weights_path().read_bytes() + b" ")
    before = registry.resolve(settings(clip.weights_path())).identity()
    found = registry.resolve(settings(moved), before)
    assert found.identity() == before and found.path == str(moved)
    assert registry.resolve(settings(other), before).weights == str(other)
    assert registry.resolve(settings(moved, aspect="pad"), before).weights == str(moved)


def settings(weights: Path, aspect: str = "center_crop") -> EmbedderConfig:
    return EmbedderConfig("openclip", "ViT-S-32", str(weights), aspect)


def test_compiling_is_no_part_of_what_an_embedder_is() -> None:
    plain, compiled = (registry.resolve(replace(AUTO, compile=on)) for on in (False, True))
    assert compiled.compile and compiled.identity() == plain.identity()

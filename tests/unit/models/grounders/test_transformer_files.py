"""Where a detector's files are, and what is said when they are not there."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from trawl.config.models import EmbedderConfig, GrounderConfig
from trawl.errors import ConfigError, WeightsError
from trawl.models import grounders
from trawl.models.clip import embedders as registry
from trawl.models.grounders import transformer_files

EMBEDDER = registry.resolve(EmbedderConfig("fake"))


def folder(path: Path, model_type: str = "owlv2") -> Path:
    path.mkdir()
    for name in (
        "preprocessor_config.json",
        "tokenizer_config.json",
        "vocab.json",
        "merges.txt",
        "model.safetensors",
    ):
        (path / name).write_text(name)
    (path / "config.json").write_text(json.dumps({"model_type": model_type}))
    return path


def resolve(kind: str = "owlv2", **values: str) -> grounders.GrounderBlueprint:
    return grounders.resolve(GrounderConfig(kind, **values), EMBEDDER)


def test_a_folder_is_settled_without_torch_and_its_identity_names_it(tmp_path: Path) -> None:
    path = folder(tmp_path / "a")
    found = resolve(model="my-owl", weights=str(path))
    assert found.path == str(path)
    assert found.identity() == {
        "kind": "owlv2",
        "model": "my-owl",
        "weights": str(path),
        "sha256": found.sha256,
        "precision": "fp32",
    }
    assert resolve(model=str(path)).sha256 == found.sha256


def test_the_hash_is_that_of_weights_and_shape(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "a"), folder(tmp_path / "b")
    before = resolve(weights=str(one)).sha256
    assert resolve(weights=str(other)).sha256 == before
    (other / "model.safetensors").write_text("other weights, and longer")
    assert resolve(weights=str(other)).sha256 != before


@pytest.mark.parametrize(
    "missing", ["config.json", "model.safetensors", "merges.txt", "vocab.json"]
)
def test_says_which_file_a_folder_lacks(missing: str, tmp_path: Path) -> None:
    path = folder(tmp_path / "a")
    (path / missing).unlink()
    said = "tokenizer.json" if missing == "vocab.json" else missing
    with pytest.raises(WeightsError, match=f"lacks {said}"):
        resolve(weights=str(path))


def test_refuses_another_kind_of_model(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", "bert")
    with pytest.raises(
        WeightsError, match="of type bert: grounder=grounding_dino wants grounding-dino or"
    ):
        resolve("grounding_dino", weights=str(path))


def test_names_the_extra_when_transformers_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer_files, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install 'trawl\[detectors\]'"):
        resolve()


def test_without_a_network_says_what_to_fetch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        WeightsError, match=r"config.json of google/owlv2-base-patch16-ensemble.*grounder.weights"
    ):
        resolve()


@pytest.mark.parametrize("model", ["owl", "a/b/c"])
def test_refuses_what_is_no_name_at_the_hub(model: str) -> None:
    with pytest.raises(ConfigError, match="no name at the hub"):
        resolve(model=model)


def test_another_machine_finds_the_same_files_or_refuses(tmp_path: Path) -> None:
    path = folder(tmp_path / "a")
    settled = resolve(weights=str(path))
    assert transformer_files.at_home(replace(settled, path="/elsewhere")).path == str(path)
    (path / "model.safetensors").write_text("others, and longer")
    with pytest.raises(WeightsError, match="is not the"):
        transformer_files.at_home(settled)

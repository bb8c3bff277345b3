"""Which weights an embedder has: found, hashed, and refused when they are not those of the index."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from trawl.config.models import EmbedderConfig
from trawl.errors import ConfigError, UsageError, WeightsError
from trawl.models import hub
from trawl.models.clip import weights
from trawl.records.video import ImageSpec


def settings(**values: str | None) -> EmbedderConfig:
    return EmbedderConfig(
        **{"kind": "openclip", "model": "ViT-B-32", "weights": "random:0", "aspect": "pad"} | values
    )


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "some.safetensors"
    path.write_bytes(b"not really weights")
    return path


def test_a_local_file_is_hashed_and_prepared_as_its_model_wants(checkpoint: Path) -> None:
    found = weights.resolve(
        settings(model="PE-Core-B-16", weights=str(checkpoint), aspect="squash")
    )
    assert found.sha256 == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert found.path == str(checkpoint.resolve())
    assert found.image == ImageSpec(size=224, aspect="squash", interpolation="bilinear")
    assert found.mean == (0.5, 0.5, 0.5) and found.needs_timm


def test_identity_is_json_and_gives_the_same_embedder_back(checkpoint: Path) -> None:
    made = weights.resolve(settings(weights=str(checkpoint)))
    again = weights.from_identity(json.loads(json.dumps(made.identity())))
    assert again == made


def test_the_same_file_elsewhere_will_do(checkpoint: Path, tmp_path: Path) -> None:
    identity = weights.resolve(settings(weights=str(checkpoint))).identity()
    moved = checkpoint.rename(tmp_path / "moved.safetensors")
    with pytest.raises(WeightsError, match="no such file"):
        weights.from_identity(identity)
    assert weights.from_identity(identity, str(moved)).identity() == identity


def test_other_weights_than_the_index_has_are_refused(checkpoint: Path) -> None:
    identity = weights.resolve(settings(weights=str(checkpoint))).identity()
    other = checkpoint.with_name("other.safetensors")
    other.write_bytes(b"other weights")
    with pytest.raises(WeightsError, match="is not what made this index") as caught:
        weights.from_identity(identity, str(other))
    assert "\n" not in str(caught.value)


def test_a_hub_file_is_known_by_the_name_of_its_blob(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = tmp_path / "blobs" / ("ab" * 32)
    blob.parent.mkdir()
    blob.write_bytes(b"weights")
    link = tmp_path / "open_clip_model.safetensors"
    link.symlink_to(blob)
    monkeypatch.setattr(hub, "find", lambda *_: link)
    assert weights.resolve(settings(weights="laion2b_s34b_b79k")).sha256 == "ab" * 32


def test_two_seeds_are_two_embedders() -> None:
    one, two = (weights.resolve(settings(weights=f"random:{seed}")) for seed in (1, 2))
    assert one.sha256 != two.sha256
    assert weights.random_seed(one.weights) == 1


def test_a_tag_can_be_named_for_a_file(checkpoint: Path) -> None:
    found = weights.resolve(settings(model="ViT-H-14-quickgelu", weights=f"dfn5b@{checkpoint}"))
    assert found.path == str(checkpoint.resolve())


@pytest.mark.parametrize(
    ("values", "error", "hint"),
    [
        ({"weights": None}, ConfigError, "the path of a checkpoint; or random:<seed>"),
        ({"weights": "/nowhere/x.pt"}, WeightsError, "there is no such file"),
        ({"weights": "laion2b_s34b"}, WeightsError, "did you mean"),
        ({"aspect": "crop"}, ConfigError, "embedder.aspect=crop"),
        ({"precision": "fp8"}, ConfigError, "embedder.precision=fp8"),
        ({"model": "ViT-Q-9"}, ConfigError, "embedder.model=ViT-Q-9"),
        ({"model": "ViT-L-14", "weights": "/x.safetensors"}, ConfigError, "<tag>@/path"),
        ({"model": "trawl-dem", "weights": "builtin"}, ConfigError, "trawl-demo-clip"),
    ],
    ids=[
        "none",
        "no file",
        "misspelt tag",
        "aspect",
        "precision",
        "model",
        "ambiguous file",
        "not the builtin",
    ],
)
def test_bad_settings_are_one_line(
    values: dict[str, str | None], error: type[UsageError], hint: str
) -> None:
    with pytest.raises(error, match=hint) as caught:
        weights.resolve(settings(**values))
    assert "\n" not in str(caught.value)


def test_a_siglip_tokenizer_is_asked_for_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="siglip"):
        weights.resolve(settings(model="ViT-B-16-SigLIP2-256", weights="random:0"))


def test_resolving_imports_no_torch() -> None:
    code = (
        "import sys; from trawl.config.jobs import EmbedderConfig as E; from trawl.models.clip import embedders as r;"
        "r.resolve(E(kind='openclip', model='trawl-demo-clip', weights='builtin')); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

"""Which SAM 2 a tracker is, settled without torch."""

import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from trawl.config.models import TrackerConfig
from trawl.demo import sam2 as demo
from trawl.errors import ConfigError, WeightsError
from trawl.models import hub
from trawl.models.sam2 import weights as sam2_weights

SIZES = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}


def settings(
    model: str = "sam2.1_hiera_tiny", weights: str | None = "random:0", **others
) -> TrackerConfig:
    return TrackerConfig(kind="sam2", model=model, weights=weights, **others)


@pytest.mark.parametrize("name", SIZES)
def test_official_checkpoints_come_from_their_makers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def find(repo: str, files: list[str], what: str, remedy: str, instead: str) -> Path:
        asked.append((repo, files))
        (tmp_path / files[0]).write_bytes(b"a checkpoint")
        return tmp_path / files[0]

    monkeypatch.setattr(hub, "find", find)
    repo = f"facebook/sam2.1-hiera-{name.replace('_', '-')}"
    found = sam2_weights.resolve(settings(f"sam2.1_hiera_{name}", repo, precision="bf16"))
    assert asked == [(repo, [f"sam2.1_hiera_{name}.pt"])]
    assert found.sha256 == hashlib.sha256(b"a checkpoint").hexdigest()
    assert found.path == str(tmp_path / f"sam2.1_hiera_{name}.pt") and found.image_size == 1024
    config = sam2_weights.config_path(found.model)
    assert config.name == f"sam2.1_hiera_{SIZES[name]}.yaml" and config.is_file()


def test_a_hub_out_of_reach_is_one_line_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError) as error:
        sam2_weights.resolve(settings(weights="facebook/sam2.1-hiera-tiny"))
    said = str(error.value)
    assert "download sam2.1_hiera_tiny.pt from" in said and "facebook/sam2.1-hiera-tiny" in said
    assert (
        "set tracker.weights=/path/to/sam2.1_hiera_tiny.pt" in said
        and "tracker=demo needs no download" in said
    )
    assert "\n" not in said and "embedder" not in said


def test_a_local_file_is_hashed(tmp_path: Path) -> None:
    path = tmp_path / "fine tuned.pt"
    path.write_bytes(b"weights")
    found = sam2_weights.resolve(settings(weights=str(path)))
    assert found.path == str(path) and found.sha256 == hashlib.sha256(b"weights").hexdigest()


def test_random_weights_have_no_file_and_their_seed_is_their_identity() -> None:
    zero, one = (sam2_weights.resolve(settings(weights=f"random:{seed}")) for seed in (0, 1))
    assert zero.path is None and zero.sha256 != one.sha256


def test_the_demos_shape_is_its_own_file() -> None:
    found = sam2_weights.resolve(settings(demo.MODEL_NAME))
    assert (
        found.image_size == 128 and sam2_weights.config_path(demo.MODEL_NAME) == demo.config_path()
    )


def test_identity_is_plain_json_without_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(b"weights")
    found = sam2_weights.resolve(settings(weights=str(path), image_size=512, cache_mb=7))
    identity = json.loads(json.dumps(found.identity()))
    assert identity == {
        "kind": "sam2",
        "model": "sam2.1_hiera_tiny",
        "weights": str(path),
        "sha256": found.sha256,
        "image_size": 512,
        "precision": "fp32",
        "upsample": "bilinear",
    }
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    ("config", "error", "says"),
    [
        (settings("sam2.1_hiera_tin"), ConfigError, "did you mean 'sam2.1_hiera_tiny'"),
        (settings(weights=None), ConfigError, "use facebook/sam2.1-hiera-tiny, the path"),
        (settings(demo.MODEL_NAME, weights=None), ConfigError, "use builtin, the path"),
        (settings(weights="builtin"), ConfigError, "tracker.weights=builtin is unknown"),
        (
            settings(weights="/nowhere/x.pt"),
            WeightsError,
            "tracker.weights=/nowhere/x.pt: there is no such file",
        ),
        (
            settings(weights="facebook/sam2.1-hiera-large"),
            WeightsError,
            "use facebook/sam2.1-hiera-tiny",
        ),
        (settings(precision="fp8"), ConfigError, "tracker.precision=fp8"),
        (settings(image_size=500), ConfigError, "must be a multiple of 32: try 480"),
    ],
)
def test_mistakes_are_one_line(config: TrackerConfig, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as raised:
        sam2_weights.resolve(config)
    assert says in str(raised.value) and "\n" not in str(raised.value)


def test_settling_imports_no_torch() -> None:
    script = (
        "import sys; from trawl.config.jobs import TrackerConfig; from trawl.models.sam2 import trackers\n"
        "trackers.resolve(TrackerConfig('sam2', 'sam2.1_hiera_tiny', 'random:0'))\n"
        "assert not {'torch', 'sam2'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)

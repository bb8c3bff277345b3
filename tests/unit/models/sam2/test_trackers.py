"""From settings to a tracker, and the settings that ship."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from trawl.config.checks import validate
from trawl.config.models import TrackerConfig
from trawl.demo import sam2 as demo
from trawl.errors import ConfigError, WeightsError
from trawl.models.fakes.tracker import FakeTracker
from trawl.models.protocols import Tracker
from trawl.models.sam2 import trackers
from trawl.models.sam2.weights import MODELS

CONF = Path(__file__).parents[3] / "conf" / "tracker"


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_settings_are_valid(path: Path) -> None:
    config = OmegaConf.to_object(
        OmegaConf.merge(OmegaConf.structured(TrackerConfig), OmegaConf.load(path))
    )
    validate(config)
    assert config.kind == "fake" or config.model in MODELS
    if config.kind == "sam2":
        config.weights = "random:0"
    assert trackers.resolve(config).kind == config.kind


def test_a_fake() -> None:
    made = trackers.build(trackers.resolve(TrackerConfig(kind="fake")))
    assert isinstance(made, FakeTracker) and isinstance(made, Tracker)


def test_an_unknown_kind_is_one_line() -> None:
    with pytest.raises(ConfigError, match="did you mean 'sam2'"):
        trackers.resolve(TrackerConfig(kind="sam"))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """The demo's shape with fresh weights, as the demo's own file."""
    from trawl.models.sam2.build import build

    demo.save(build(demo.config_path()).state_dict(), tmp_path / "sam2.safetensors")
    return tmp_path / "sam2.safetensors"


def test_an_actor_elsewhere_finds_the_same_file_or_refuses(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "weights_path", lambda: checkpoint)
    made = trackers.resolve(TrackerConfig("sam2", demo.MODEL_NAME, "builtin"))
    frames = np.zeros((1, 32, 32, 3), np.uint8)
    elsewhere = replace(made, path="/another/machine/sam2.safetensors")
    assert trackers.build(elsewhere, "cpu", threads=1).open(frames) is not None
    checkpoint.write_bytes(b"other weights")
    with pytest.raises(WeightsError, match="put the same file on every machine"):
        trackers.build(elsewhere, "cpu")


def test_a_file_gone_from_an_actors_machine_is_one_line(checkpoint: Path) -> None:
    made = trackers.resolve(TrackerConfig("sam2", demo.MODEL_NAME, str(checkpoint)))
    checkpoint.unlink()
    with pytest.raises(WeightsError, match="there is no such file"):
        trackers.build(made, "cpu")

"""The demo SAM 2 that ships: small, loadable, and able to outline what a box points at."""

import numpy as np
import pytest
import torch

from training import films
from trawl.demo import sam2
from trawl.errors import WeightsError
from trawl.models.sam2.build import build


def test_under_five_million_parameters():
    assert sum(p.numel() for p in build(sam2.config_path()).parameters()) < 5_000_000


def test_shipped_weights_load_strictly():
    model = build(sam2.config_path())
    state = sam2.load_state_dict()
    model.load_state_dict(state, strict=True)
    assert all(
        tensor.dtype == torch.float32 and bool(tensor.isfinite().all()) for tensor in state.values()
    )


def test_missing_weights_are_said_in_a_line(monkeypatch, tmp_path):
    monkeypatch.setattr(sam2, "_HERE", tmp_path)
    with pytest.raises(WeightsError, match=r"training\.train_sam2"):
        sam2.weights_path()


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    sam2.save({"a": torch.ones(3)}, path)

    def broken(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("safetensors.torch.save_file", broken)
    with pytest.raises(OSError, match="disk full"):
        sam2.save({"a": torch.zeros(3)}, path)
    assert sam2.load_state_dict(path)["a"].tolist() == [1, 1, 1]


def test_shipped_weights_outline_what_a_box_points_at():
    """A floor, far under the figure of the card."""
    from training.evaluate_sam2 import demo_tracker, outlines

    tracker = demo_tracker()
    ious = [iou for film in films.drawn(7, 12, 1) for iou in outlines(tracker, film, "box")]
    assert len(ious) > 20
    assert np.mean(ious) > 0.65

"""What only a GPU shows: the same masks as the stock predictor there, bf16 beside fp32, and a real
lack of memory.

Skipped, and said so, where there is no GPU; with REQUIRE_GPU set that is a failure.
"""

import os
from typing import Any

import numpy as np
import pytest
import torch

from trawl.config.models import TrackerConfig
from trawl.demo import sam2 as demo
from trawl.errors import DeviceMemoryError
from trawl.models.sam2 import trackers
from trawl.records.tracking import Prompt

T = 8


@pytest.fixture(autouse=True)
def gpu() -> None:
    if torch.cuda.is_available():
        return
    if os.environ.get("REQUIRE_GPU"):
        pytest.fail("REQUIRE_GPU is set, and torch sees no GPU")
    pytest.skip("torch sees no GPU")


@pytest.fixture
def frames() -> np.ndarray:
    clip = np.random.default_rng(0).integers(60, 120, (T, 90, 140, 3)).astype(np.uint8)
    for t in range(T):
        clip[t, 10 + 2 * t : 40 + 2 * t, 5 + 8 * t : 35 + 8 * t] = (230, 30, 30)
        clip[t, 55:80, 110 - 6 * t : 135 - 6 * t] = (30, 60, 230)
    return clip


PROMPTS = [
    Prompt(1, 0, box=np.array([5, 10, 35, 40], np.float32)),
    Prompt(2, 2, box=np.array([98, 55, 123, 80], np.float32)),
]


def followed(frames: np.ndarray, device: str, **settings: Any) -> list[np.ndarray]:
    config = TrackerConfig("sam2", demo.MODEL_NAME, "builtin", frame_batch=4, **settings)
    tracker = trackers.build(trackers.resolve(config), device)
    return [frame.masks for frame in tracker.open(frames).propagate(PROMPTS)]


@pytest.mark.parametrize(
    ("precision", "compile", "differs"),
    [("fp32", False, 0.002), ("bf16", False, 0.02), ("fp16", False, 0.02), ("bf16", True, 0.02)],
)
def test_the_same_masks_as_on_the_cpu(
    frames: np.ndarray, precision: str, compile: bool, differs: float
) -> None:
    here, there = (
        followed(frames, "cpu"),
        followed(frames, "cuda", precision=precision, compile=compile),
    )
    assert max((a != b).mean() for a, b in zip(here, there, strict=True)) < differs


def test_the_same_guided_masks_as_on_the_cpu(frames: np.ndarray) -> None:
    here, there = (followed(frames, device, upsample="guided") for device in ("cpu", "cuda"))
    assert max((a != b).mean() for a, b in zip(here, there, strict=True)) < 0.005


def test_a_full_gpu_has_one_name_and_gives_back_what_it_took(frames: np.ndarray) -> None:
    config = TrackerConfig("sam2", demo.MODEL_NAME, "builtin")
    tracker = trackers.build(trackers.resolve(config), "cuda")
    list(tracker.open(frames).propagate(PROMPTS))
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.set_per_process_memory_fraction(
        before / torch.cuda.get_device_properties(0).total_memory
    )
    try:
        with pytest.raises(DeviceMemoryError):
            list(tracker.open(frames).propagate(PROMPTS))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert torch.cuda.memory_allocated() <= before
    assert len(list(tracker.open(frames).propagate(PROMPTS))) == T

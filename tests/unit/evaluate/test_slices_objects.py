"""Kinds of objects: each limit from both sides."""

import numpy as np
import pytest
from beside_truth import boxes_only, clip, square, truth

from trawl.evaluate.slices_objects import object_slices
from trawl.records.truth import TruthObject

STILL = {n: square(5, 5, 20) for n in range(10)}


def slices(one: TruthObject, objects: int = 1) -> dict[str, str]:
    return dict(word.split("=") for word in object_slices(clip([one], []), one, objects))


@pytest.mark.parametrize(("side", "word"), [(31, "small"), (32, "medium"), (50, "medium")])
@pytest.mark.parametrize("masks", [True, False])
def test_size(side: int, word: str, masks: bool) -> None:
    item = truth(1, {0: square(0, 0, side)})
    assert slices(item if masks else boxes_only(item))["size"] == word


@pytest.mark.parametrize(
    ("step", "word"), [(0, "slow"), (0.9, "slow"), (1.1, "medium"), (3.9, "medium"), (4.1, "fast")]
)
def test_speed_in_object_sizes_per_second(step: float, word: str) -> None:
    """Squares of 20 pixels at 10 frames a second: 2 pixels a frame are one size a second."""
    item = truth(1, STILL)
    item.boxes[:, [0, 2]] += (np.arange(10) * step)[:, None].astype(np.float32)
    assert slices(item)["speed"] == word


@pytest.mark.parametrize(
    ("visibility", "word"),
    [(1.0, "none"), (0.96, "none"), (0.9, "some"), (0.71, "some"), (0.6, "much")],
)
def test_occlusion(visibility: float, word: str) -> None:
    assert slices(truth(1, STILL, visibility=visibility))["occlusion"] == word


def test_frames_on_which_it_is_wholly_hidden_are_occlusion() -> None:
    assert slices(truth(1, {**STILL, 8: None, 9: None}))["occlusion"] == "some"


def test_one_sight_has_no_speed_and_several_are_several() -> None:
    assert slices(truth(1, {3: square(5)}), objects=3) == {
        "size": "small",
        "speed": "slow",
        "occlusion": "none",
        "objects": "several",
    }

"""Near-duplicates and thresholds, over squares."""

import numpy as np
import pytest

from trawl.ground.choice import assemble, kept
from trawl.records.tracking import Detections


def squares(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    masks = np.zeros((len(boxes), 20, 20), bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes):
        mask[top:bottom, left:right] = True
    return masks


@pytest.mark.parametrize(
    ("boxes", "scores", "phrase", "chosen"),
    [
        # near-duplicates: the better one
        ([(0, 0, 10, 10), (0, 0, 10, 9)], [0.5, 0.9], [0, 0], [1]),
        ([(0, 0, 10, 10), (0, 0, 10, 9)], [0.5, 0.9], [0, 1], [1, 0]),  # of two phrases: both
        ([(0, 0, 10, 10), (5, 0, 15, 10)], [0.9, 0.5], [0, 0], [0, 1]),  # neighbours
        ([(0, 0, 10, 10), (2, 2, 5, 5)], [0.9, 0.5], [0, 0], [0]),  # a part of a better one
        # several in one mask, and each by itself
        ([(0, 0, 10, 10), (2, 2, 5, 5)], [0.5, 0.9], [0, 0], [1]),
        ([(0, 0, 0, 0)], [0.9], [0], []),  # nothing
        ([], [], [], []),
    ],
    ids=["duplicate", "two phrases", "neighbours", "part", "whole", "empty mask", "none"],
)
def test_assemble(
    boxes: list[tuple[int, int, int, int]],
    scores: list[float],
    phrase: list[int],
    chosen: list[int],
) -> None:
    found = assemble(
        squares(*boxes), np.array(scores, np.float32), np.array(phrase, np.int64), overlap=0.7
    )
    assert found.boxes.tolist() == [list(map(float, boxes[k])) for k in chosen]
    np.testing.assert_allclose(found.scores, [scores[k] for k in chosen])
    assert found.phrase.tolist() == [phrase[k] for k in chosen]


def test_kept_filters_by_score_and_number_of_each_phrase() -> None:
    found = Detections(
        np.zeros((4, 4), np.float32),
        np.array([0.9, 0.8, 0.7, 0.1], np.float32),
        np.array([0, 1, 0, 1], np.int64),
    )
    assert kept(found, 0.2, 10).scores.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert kept(found, 0.0, 1).phrase.tolist() == [0, 1]

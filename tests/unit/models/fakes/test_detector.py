"""The detector that knows flat colours."""

import numpy as np

from trawl.models.fakes import embedder as fakes
from trawl.models.fakes.detector import FakeDetector, blueprint
from trawl.models.protocols import DenseEmbedder, Detector


def picture(color: tuple[int, int, int]) -> np.ndarray:
    frame = np.zeros((20, 30, 3), np.uint8)
    frame[2:9, 3:12] = color
    return frame


def test_is_a_detector_and_no_embedder() -> None:
    assert isinstance(FakeDetector(), Detector) and not isinstance(FakeDetector(), DenseEmbedder)
    assert len(blueprint().sha256) == 64


def test_a_shade_of_a_colour_scores_less_than_the_colour() -> None:
    exact, shade = FakeDetector().find(
        np.stack([picture(fakes.COLORS["red"]), picture((210, 50, 40))]), ["a red ball"]
    )
    assert exact.scores.tolist() == [1.0]
    assert 0.5 < shade.scores[0] < 1
    assert exact.masks is not None and exact.masks[0].sum() == 7 * 9


def test_finds_nothing_where_nothing_is_named_or_there() -> None:
    found = FakeDetector().find(picture(fakes.COLORS["red"])[None], ["a ball", "a blue ball"])[0]
    assert found.masks is not None
    assert (len(found), found.boxes.shape, found.masks.shape) == (0, (0, 4), (0, 20, 30))


def test_specks_are_noise() -> None:
    frame = np.zeros((20, 30, 3), np.uint8)
    frame[4:6, 4:6] = fakes.COLORS["red"]
    assert len(FakeDetector().find(frame[None], ["red"])[0]) == 0

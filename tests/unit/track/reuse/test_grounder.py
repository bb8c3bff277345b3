"""A picture is searched once for the same phrases, and what is found comes back as it was."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from trawl.config.data import StorageConfig
from trawl.models.fakes.detector import FakeDetector
from trawl.models.fakes.embedder import COLORS
from trawl.models.fakes.tracker import FakeTracker
from trawl.models.protocols import Session
from trawl.records.arrays import Frames
from trawl.records.tracking import Detections
from trawl.schemas import DETECTED, PROPAGATED
from trawl.storage import Storage
from trawl.track.reuse.grounder import RememberingGrounder
from trawl.track.reuse.remembering import RememberingTracker
from trawl.track.reuse.shelf import Shelf
from trawl.track.reuse.tally import Tally


class Counting:
    """A grounder that gives masks, or without `masks` boxes alone."""

    def __init__(self, masks: bool = True) -> None:
        self.asked: list[int] = []
        self.masks = masks

    def detect(
        self, session: Session, frames: Frames, positions: Sequence[int], phrases: Sequence[str]
    ) -> list[Detections]:
        self.asked += positions
        found = FakeDetector().find(frames[list(positions)], phrases)
        return [one if self.masks else Detections(one.boxes, one.scores, one.phrase) for one in found]


@pytest.fixture
def frames() -> Frames:
    pictures = np.zeros((3, 16, 24, 3), np.uint8)
    pictures[0, 2:8, 3:9] = pictures[1, 2:8, 4:10] = COLORS["red"]
    pictures[0, 2:8, 12:20] = COLORS["blue"]
    return pictures


def detect(
    folder: Path, inner: Counting, tally: Tally, frames: Frames, positions: Sequence[int], phrases: Sequence[str]
) -> list[Detections]:
    storage = Storage.open(StorageConfig(root=str(folder)))
    shelf = Shelf(storage, "detected", DETECTED)
    session = RememberingTracker(FakeTracker(), Shelf(storage, "p", PROPAGATED), tally).open(frames)
    found = RememberingGrounder(inner, shelf, tally).detect(session, frames, positions, phrases)
    shelf.save()
    return found


def same(a: Detections, b: Detections) -> bool:
    masks = (a.masks is None and b.masks is None) or np.array_equal(a.masks, b.masks)
    pairs = ((a.boxes, b.boxes), (a.scores, b.scores), (a.phrase, b.phrase))
    return masks and all(x.dtype == y.dtype and np.array_equal(x, y) and x.shape == y.shape for x, y in pairs)


@pytest.mark.parametrize("masks", [True, False])
def test_known_pictures_are_not_searched_again(frames: Frames, tmp_path: Path, masks: bool) -> None:
    inner, tally, phrases = Counting(masks), Tally(), ["a red star", "a blue ring"]
    truth = Counting(masks).detect(None, frames, [0, 1, 2], phrases)
    assert [len(one) for one in truth] == [2, 1, 0]
    detect(tmp_path, inner, tally, frames, [0, 2], phrases)
    found = detect(tmp_path, inner, tally, frames, [0, 1, 2], phrases)
    assert all(map(same, found, truth))
    assert inner.asked == [0, 2, 1]
    assert (tally.made["frames_grounded"], tally.saved["frames_grounded"]) == (3, 2)


def test_other_phrases_are_searched(frames: Frames, tmp_path: Path) -> None:
    inner, tally = Counting(), Tally()
    for phrases in (["a red star"], ["a red star", "a blue ring"], ["a blue ring", "a red star"]):
        detect(tmp_path, inner, tally, frames, [0], phrases)
    assert inner.asked == [0, 0, 0]

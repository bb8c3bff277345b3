"""An object is followed once, and what comes out does not depend on what was known before."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trawl.config.data import StorageConfig
from trawl.config.models import TrackerConfig
from trawl.models.fakes.detector import FakeDetector
from trawl.models.fakes.embedder import COLORS
from trawl.models.fakes.tracker import FakeTracker
from trawl.models.protocols import Session, Tracker
from trawl.models.sam2 import trackers
from trawl.records.arrays import Frames
from trawl.records.tracking import Detections, Prompt, TrackedFrame
from trawl.schemas import DETECTED, PROPAGATED, SEEN
from trawl.storage import Storage
from trawl.track.reuse.remembering import RememberingGrounder, RememberingTracker, remembering
from trawl.track.reuse.shelf import Shelf, Tally

T, SQUARE_COLORS = 5, ((220, 40, 40), (40, 60, 220), (40, 200, 60))


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Three squares of different colours, each on its way, over noise."""
    pictures = np.random.default_rng(0).integers(90, 110, (T, 48, 64, 3)).astype(np.uint8)
    for t in range(T):
        for k, color in enumerate(SQUARE_COLORS):
            pictures[t, 4 + 14 * k : 14 + 14 * k, 6 + 7 * t : 20 + 7 * t] = color
    return pictures


def prompt(k: int, position: int) -> Prompt:
    box = np.array([6 + 7 * position, 4 + 14 * k, 20 + 7 * position, 14 + 14 * k], np.float32)
    return Prompt(10 + k, position, box=box)


def shelf(folder: Path) -> Shelf:
    return Shelf(Storage.open(StorageConfig(root=str(folder))), "s.parquet", PROPAGATED)


def answers(found: Sequence[TrackedFrame]) -> list[tuple]:
    return [
        (f.position, f.object_ids.tolist(), f.masks.tobytes(), f.scores.tobytes()) for f in found
    ]


def follow(
    tracker: Tracker, frames: Frames, prompts: Sequence[Prompt], reverse: bool
) -> list[tuple]:
    return answers(list(tracker.open(frames).propagate(prompts, reverse)))


@pytest.mark.parametrize("reverse", [False, True])
def test_it_is_the_tracker_s_own_answer(frames: Frames, tmp_path: Path, reverse: bool) -> None:
    prompts = [prompt(0, 2), prompt(1, 1), prompt(2, 4)]
    truth = follow(FakeTracker(), frames, prompts, reverse)
    assert len(truth) > 1
    first, tally = shelf(tmp_path), Tally()
    assert (
        follow(RememberingTracker(FakeTracker(), first, tally), frames, prompts, reverse) == truth
    )
    first.save()
    assert tally.made["object_frames"] == sum(len(ids) for _, ids, _, _ in truth)
    again = Tally()
    assert (
        follow(RememberingTracker(NoTracker(), shelf(tmp_path), again), frames, prompts, reverse)
        == truth
    )
    assert (again.made.total(), again.saved["object_frames"]) == (0, tally.made["object_frames"])
    assert again.saved_cpu_s["track"] > 0


class NoTracker:
    """A tracker that must not be asked."""

    def open(self, frames: Frames, size: tuple[int, int] | None = None) -> None:
        pytest.fail("the tracker was asked for what is known")


def test_other_pictures_are_not_known(frames: Frames, tmp_path: Path) -> None:
    one, tally = shelf(tmp_path), Tally()
    tracker = RememberingTracker(FakeTracker(), one, tally)
    follow(tracker, frames, [prompt(0, 0)], False)
    other = frames.copy()
    other[-1, 0, 0] += 1
    follow(tracker, other, [prompt(0, 0)], False)
    follow(tracker, frames[:-1], [prompt(0, 0)], False)
    follow(tracker, frames, [prompt(0, 0)], True)
    assert tally.saved.total() == 0


def test_an_object_that_is_not_followed_to_the_end_is_not_remembered(
    frames: Frames, tmp_path: Path
) -> None:
    one, tally = shelf(tmp_path), Tally()
    stopped = RememberingTracker(FakeTracker(), one, tally).open(frames).propagate([prompt(0, 0)])
    next(stopped)
    stopped.close()  # type: ignore[attr-defined]
    assert tally.made.total() == 0
    truth = follow(FakeTracker(), frames, [prompt(0, 0)], False)
    assert (
        follow(RememberingTracker(FakeTracker(), one, tally), frames, [prompt(0, 0)], False)
        == truth
    )


def test_no_prompts_no_frames(frames: Frames, tmp_path: Path) -> None:
    assert (
        follow(RememberingTracker(FakeTracker(), shelf(tmp_path), Tally()), frames, [], False) == []
    )


@pytest.fixture(scope="module")
def sam2() -> Tracker:
    """The demo's, as a run that reuses has it."""
    config = TrackerConfig(kind="sam2", model="trawl-demo-sam2", weights="builtin")
    return trackers.build(replace(trackers.resolve(config), frame_batch=1), "cpu", 1)


CALLS = st.lists(
    st.tuples(
        st.sets(st.integers(0, 2), min_size=1).map(sorted), st.integers(0, T - 1), st.booleans()
    ),
    min_size=1,
    max_size=4,
)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls=CALLS)
def test_masks_and_scores_do_not_depend_on_what_was_known(
    calls: list[tuple[list[int], int, bool]], frames: Frames, sam2: Tracker, tmp_path: Path
) -> None:
    """To the bit: whatever was followed before, together or alone, in this session or another."""
    known = RememberingTracker(
        sam2, Shelf(Storage.open(StorageConfig(root=str(tmp_path))), "x", PROPAGATED), Tally()
    )
    session = known.open(frames)
    for objects, position, reverse in calls:
        prompts = [prompt(k, position) for k in objects]
        found = answers(list(session.propagate(prompts, reverse)))
        alone = shelf(tmp_path / "nowhere")
        assert found == follow(RememberingTracker(sam2, alone, Tally()), frames, prompts, reverse)


class Counting:
    """A grounder that gives masks, or without `masks` boxes alone."""

    def __init__(self, masks: bool = True) -> None:
        self.asked: list[int] = []
        self.masks = masks

    def detect(
        self,
        session: Session,
        frames_for_grounder: Frames,
        positions: Sequence[int],
        phrases: Sequence[str],
    ) -> list[Detections]:
        self.asked += positions
        found = FakeDetector().find(frames_for_grounder[list(positions)], phrases)
        return [
            one if self.masks else Detections(one.boxes, one.scores, one.phrase) for one in found
        ]


@pytest.fixture
def frames_for_grounder() -> Frames:
    pictures = np.zeros((3, 16, 24, 3), np.uint8)
    pictures[0, 2:8, 3:9] = pictures[1, 2:8, 4:10] = COLORS["red"]
    pictures[0, 2:8, 12:20] = COLORS["blue"]
    return pictures


def detect(
    folder: Path,
    inner: Counting,
    tally: Tally,
    frames_for_grounder: Frames,
    positions: Sequence[int],
    phrases: Sequence[str],
) -> list[Detections]:
    storage = Storage.open(StorageConfig(root=str(folder)))
    shelf = Shelf(storage, "detected", DETECTED)
    session = RememberingTracker(FakeTracker(), Shelf(storage, "p", PROPAGATED), tally).open(
        frames_for_grounder
    )
    found = RememberingGrounder(inner, shelf, tally).detect(
        session, frames_for_grounder, positions, phrases
    )
    shelf.save()
    return found


def same(a: Detections, b: Detections) -> bool:
    masks = (a.masks is None and b.masks is None) or np.array_equal(a.masks, b.masks)
    pairs = ((a.boxes, b.boxes), (a.scores, b.scores), (a.phrase, b.phrase))
    return masks and all(
        x.dtype == y.dtype and np.array_equal(x, y) and x.shape == y.shape for x, y in pairs
    )


@pytest.mark.parametrize("masks", [True, False])
def test_known_pictures_are_not_searched_again(
    frames_for_grounder: Frames, tmp_path: Path, masks: bool
) -> None:
    inner, tally, phrases = Counting(masks), Tally(), ["a red star", "a blue ring"]
    truth = Counting(masks).detect(None, frames_for_grounder, [0, 1, 2], phrases)
    assert [len(one) for one in truth] == [2, 1, 0]
    detect(tmp_path, inner, tally, frames_for_grounder, [0, 2], phrases)
    found = detect(tmp_path, inner, tally, frames_for_grounder, [0, 1, 2], phrases)
    assert all(map(same, found, truth))
    assert inner.asked == [0, 2, 1]
    assert (tally.made["frames_grounded"], tally.saved["frames_grounded"]) == (3, 2)


def test_other_phrases_are_searched(frames_for_grounder: Frames, tmp_path: Path) -> None:
    inner, tally = Counting(), Tally()
    for phrases in (["a red star"], ["a red star", "a blue ring"], ["a blue ring", "a red star"]):
        detect(tmp_path, inner, tally, frames_for_grounder, [0], phrases)
    assert inner.asked == [0, 0, 0]


def test_known_crops_are_not_embedded_again(tmp_path: Path) -> None:
    asked: list[int] = []

    def embed(crops: list[np.ndarray]) -> np.ndarray:
        asked.append(len(crops))
        return np.array([[crop.mean() / 3, 0.1] for crop in crops], np.float32)

    crops = [np.full((2, 3, 3), n, np.uint8) for n in (1, 2, 1)] + [np.full((3, 2, 3), 1, np.uint8)]
    truth = embed(crops)
    asked.clear()
    shelf = Shelf(Storage.open(StorageConfig(root=str(tmp_path))), "seen", SEEN)
    tally = Tally()
    assert np.array_equal(remembering(embed, shelf, tally)(crops), truth)
    assert asked == [1, 1, 1]
    shelf.save()
    later = Shelf(Storage.open(StorageConfig(root=str(tmp_path))), "seen", SEEN)
    found = remembering(embed, later, tally)(crops)
    assert found.dtype == np.float32 and np.array_equal(found, truth)
    assert asked == [1, 1, 1]
    assert (tally.made["crops"], tally.saved["crops"]) == (3, 5)

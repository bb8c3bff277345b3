"""A clip end to end, on squares that models see perfectly: each is found once, keeps its identity
and loses no mask.
"""

import tracemalloc
import weakref
from collections import Counter
from dataclasses import dataclass

import pytest
from acted_scenes import (
    FPS,
    Square,
    SquareGrounder,
    SquareTracker,
    batches,
    masks_of,
    moving,
    run,
    truth,
)
from drawn_rows import masklet
from hypothesis import given, settings
from hypothesis import strategies as st

from trawl import masks
from trawl.config.steps import TrackingConfig
from trawl.errors import VideoError
from trawl.records.tracking import Detections, Flag, Target, Visibility
from trawl.records.video import Reason
from trawl.track.follow import follow, forgotten

TWO = (moving(20, 12, 0.3), moving(70, 36, -0.3))


def expected(n, squares, frames, size=(48, 96)):
    return {index: masks.encode(mask) for index, mask in truth(n, squares, frames, size).items()}


def assert_each_once(followed, squares, frames, size=(48, 96)):
    got = sorted((sorted(masks_of(track).items()) for track in followed.tracks), key=repr)
    want = [sorted(expected(n, squares, frames, size).items()) for n in range(1, len(squares) + 1)]
    assert got == sorted((w for w in want if w), key=repr)


def test_two_squares_over_several_chunks():
    followed = run(TWO, 100, chunk_s=2.0, overlap=2)
    assert_each_once(followed, TWO, 100)
    assert [track.number for track in followed.tracks] == [0, 1]
    assert all(
        track.phrase == "a square" and track.grounding_score == pytest.approx(0.9)
        for track in followed.tracks
    )
    assert followed.frames == 100
    assert followed.best == {"a square": pytest.approx(0.9)}


placed = st.builds(
    moving,
    x=st.integers(32, 62),
    y=st.just(0),
    # so that it stays in the picture: one seen for less than `reground_s` may be missed
    dx=st.floats(-0.2, 0.2),
    first=st.integers(0, 50),
    last=st.integers(80, 200),
    side=st.integers(4, 8),
)


@settings(max_examples=25, deadline=None)
@given(
    lanes=st.lists(placed, min_size=1, max_size=4),
    frames=st.integers(75, 120),
    chunk_s=st.floats(0.5, 12.0),
    overlap=st.integers(1, 6),
    reground_s=st.floats(0.3, 2.4),
    patience=st.sampled_from([0, 10**9]),
)
def test_who_and_where_do_not_depend_on_how_the_clip_is_cut(
    lanes, frames, chunk_s, overlap, reground_s, patience
):
    """Squares in lanes of their own, that come and go once: every one is found once, with every
    mask, however it is cut.
    """
    squares = [
        Square(lambda t, at=lane.at, y=6 + 12 * n: (at(t)[0], y) if at(t) else None, lane.side)
        for n, lane in enumerate(lanes)
    ]
    followed = run(
        squares,
        frames,
        tracker=SquareTracker(patience),
        chunk_s=chunk_s,
        overlap=overlap,
        reground_s=reground_s,
    )
    assert_each_once(followed, squares, frames)
    for track in followed.tracks:
        indices = [row.frame_index for row in track.rows]
        assert indices == sorted(set(indices))
        assert indices[0] >= 100 and indices[-1] < 100 + frames


@pytest.mark.parametrize("chunk_s", [1.5, 4.0, 60.0])
@pytest.mark.parametrize("patience", [0, 10**9], ids=["loses", "remembers"])
def test_leaving_and_coming_back_is_one_track(chunk_s, patience):
    leaves = Square(lambda t: (40 + 2 * t if t < 40 else 118 - 2 * (t - 40), 24))
    squares = (leaves, moving(20, 8))
    followed = run(squares, 100, tracker=SquareTracker(patience), chunk_s=chunk_s)
    assert_each_once(followed, squares, 100)
    first = followed.tracks[0]
    assert len(first.gaps) == 1
    assert first.gaps[0][1] - first.gaps[0][0] == pytest.approx(1.9, abs=0.2)


def test_coming_back_again_and_again_is_one_track():
    """All of it in one chunk, so that the pieces are strung together at once."""
    blinks = [Square(lambda t: (20, 24) if t // 12 % 2 == 0 else None)]
    followed = run(blinks, 100, tracker=SquareTracker(0), reground_s=0.5)
    assert_each_once(followed, blinks, 100)
    assert len(followed.tracks[0].gaps) == 4


@pytest.mark.parametrize("chunk_s", [2.5, 60.0])
def test_a_tracker_that_lasts_for_a_while_is_helped_along(chunk_s):
    """It loses a square 1.2 s from where it was told of it; every 2 s it is told again, and follows
    that back too.
    """
    tracker = SquareTracker(reach=12)
    assert_each_once(run(TWO, 100, tracker=tracker, chunk_s=chunk_s, looks=False), TWO, 100)


def test_the_memory_is_bounded():
    """Both leave in one chunk and come back in a later one; there is room for one, the one lost
    last.
    """
    leave = [
        Square(lambda t, y=y, at=at: (20, y) if not at <= t < 75 else None)
        for y, at in ((12, 42), (36, 46))
    ]
    tracker = SquareTracker(0)
    assert len(run(leave, 100, tracker=tracker, chunk_s=2.0, max_lost=2).tracks) == 2
    followed = run(leave, 100, tracker=tracker, chunk_s=2.0, max_lost=1)
    assert [len(masks_of(track)) for track in followed.tracks] == [42, 46 + 25, 25]


def test_what_comes_back_too_late_is_another():
    leaves = Square(lambda t: (20, 24) if not 30 <= t < 70 else None)
    assert len(run([leaves], 100, tracker=SquareTracker(0), max_age_s=5.0).tracks) == 1
    late = run([leaves], 100, tracker=SquareTracker(0), max_age_s=3.0).tracks
    assert len(late) == 2
    assert Flag.LOST in late[0].flags and Flag.LOST not in late[1].flags


def test_another_at_the_same_place_is_another():
    squares = (moving(20, 24, last=40), moving(20, 24, first=50))
    assert len(run(squares, 100).tracks) == 2
    # by place alone nothing tells them apart
    assert len(run(squares, 100, looks=False).tracks) == 1


@pytest.mark.parametrize("patience", [0, 10**9], ids=["loses", "remembers"])
@pytest.mark.parametrize("chunk_s", [1.0, 2.5, 20.0])
def test_crossing_squares_keep_their_identity(chunk_s, patience):
    squares = (moving(10, 24, 0.8, side=12), moving(90, 24, -0.8, side=10))
    followed = run(squares, 100, tracker=SquareTracker(patience), chunk_s=chunk_s)
    assert_each_once(followed, squares, 100)
    assert any(row.visibility == Visibility.OCCLUDED for row in followed.tracks[0].rows)


def test_boxes_without_masks_will_do():
    grounder = SquareGrounder({"a square": {1: 0.9, 2: 0.8}}, as_boxes=True)
    assert_each_once(run(TWO, 60, grounder=grounder, chunk_s=2.0), TWO, 60)


def test_several_phrases_share_one_object():
    grounder = SquareGrounder(
        {"a star": {1: 0.6, 2: 0.7}, "a red star": {1: 0.9, 2: 0.1}, "a dog": {}}
    )
    tracker = SquareTracker()
    targets = [Target(phrase, 0.5, 12.0) for phrase in ("a star", "a red star", "a dog", "a star")]
    followed = run(TWO, 40, grounder=grounder, tracker=tracker, targets=targets, new_score=0.2)
    assert {(t.phrase, round(t.grounding_score, 3)) for t in followed.tracks} == {
        ("a star", 0.6), ("a star", 0.7), ("a red star", 0.9),
    }  # fmt: skip
    assert [t.number for t in followed.tracks] == [0, 1, 2]
    by_masks = Counter(tuple(masks_of(t).items()) for t in followed.tracks)
    assert sorted(by_masks.values()) == [1, 2]
    # each square once, its first frame from both sides
    assert tracker.object_frames <= 2 * (40 + 1)
    assert "a dog" not in followed.best


def test_a_score_below_new_score_starts_nothing_but_is_reported():
    followed = run(TWO, 30, new_score=0.95)
    assert followed.tracks == []
    assert followed.best == {"a square": pytest.approx(0.9)}


def test_nothing_there():
    followed = run([], 30)
    assert followed.tracks == [] and followed.best == {} and followed.frames == 30
    assert run(TWO, 0).frames == 0


def test_a_best_frame_is_searched_even_between_grid_frames():
    passing = [moving(40, 24, first=13, last=16)]
    assert run(passing, 60, reground_s=3.0).tracks == []
    found = run(passing, 60, reground_s=3.0, targets=[Target("a square", 0.5, 10 + 15 / FPS)])
    assert_each_once(found, passing, 60)


@pytest.mark.parametrize("chunk_s", [2.0, 60.0])
def test_one_that_slips_onto_another_ends_there(chunk_s):
    """The tracker takes the first square for the second from frame 45 on."""
    slips = {1: (45, 2)}
    followed = run(TWO, 100, tracker=SquareTracker(slips=slips), chunk_s=chunk_s)
    first, second = followed.tracks[:2]
    assert masks_of(second) == expected(2, TWO, 100)
    assert masks_of(first) == {
        index: rle for index, rle in expected(1, TWO, 100).items() if index < 145
    }
    assert Flag.IDENTITY_SWITCH in first.flags


def test_memory_grows_by_rows_alone():
    """Beyond the tracks themselves, a clip ten times as long takes no more: a twentieth of its
    pictures would show.
    """
    beyond = {}
    for frames in (200, 2000):
        tracemalloc.start()
        followed = run(
            [moving(10, 12)],
            frames,
            size=(48, 64),
            chunk_s=2.0,
            chunk_frames=20,
            overlap=2,
            looks=False,
        )
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(followed.tracks[0].rows) == frames
        beyond[frames] = peak - kept
    assert beyond[2000] - beyond[200] < 0.05 * 1800 * 48 * 64 * 3


def test_a_chunk_is_gone_when_the_next_pictures_are_read():
    alive, while_reading = set(), []

    class Watching(SquareTracker):
        def open(self, frames, size=None):
            alive.add(number := len(self.opened))
            weakref.finalize(frames if frames.base is None else frames.base, alive.discard, number)
            return super().open(frames, size)

    def watched():
        for batch in batches(TWO, 100):
            while_reading.append(len(alive))
            yield batch

    grounder, tracker = SquareGrounder({"a square": {1: 0.9, 2: 0.9}}), Watching()
    config = TrackingConfig(chunk_s=2.0, overlap=2)
    follow(watched(), [Target("a square", 0.5, 10.0)], grounder, tracker, None, config)
    assert len(tracker.opened) >= 4
    # One that was handed over within a batch is worked on before the next batch is read.
    assert max(while_reading) == 0


class TestMemoryOfTheDevice:
    def test_a_chunk_too_long_is_halved(self):
        tracker = SquareTracker(fits=(30, 10))
        assert_each_once(run(TWO, 120, tracker=tracker, overlap=3), TWO, 120)
        assert sum(frames > 30 for frames in tracker.opened) <= 4

    def test_too_many_objects_go_in_turns(self):
        squares = [moving(8 + 16 * n, 24) for n in range(5)]
        assert_each_once(
            run(squares, 60, tracker=SquareTracker(fits=(25, 2)), overlap=2), squares, 60
        )

    def test_nothing_fits(self):
        with pytest.raises(VideoError) as raised:
            run(TWO, 60, tracker=SquareTracker(fits=(1, 1)))
        assert raised.value.reason == Reason.OUT_OF_MEMORY


@dataclass
class BlinkingGrounder(SquareGrounder):
    """Takes the second square for the phrase on the first picture that it is shown, and never
    again.
    """

    def _on(self, frame, phrases):
        found = super()._on(frame, phrases)
        if len(self.asked) > 1 or getattr(self, "blinked", False):
            keep = [n for n in range(len(found)) if found.scores[n] > 0.7]
            return Detections(
                found.boxes[keep], found.scores[keep], found.phrase[keep], found.masks[keep]
            )
        self.blinked = True
        return found


@pytest.mark.parametrize(("min_support", "tracks"), [(0.0, 2), (0.5, 1)])
def test_what_is_seen_as_the_phrase_too_seldom_is_no_track_of_it(min_support, tracks):
    grounder = BlinkingGrounder({"a square": {1: 0.9, 2: 0.6}})
    followed = run(TWO, 60, grounder=grounder, chunk_s=2.0, reground_s=0.5, min_support=min_support)
    assert len(followed.tracks) == tracks
    first = followed.tracks[0]
    assert (first.grounding_score, first.grounding_mean) == (pytest.approx(0.9), pytest.approx(0.9))
    if tracks == 2:
        second = followed.tracks[1]
        assert second.grounding_score == pytest.approx(0.6)
        assert 0 < second.grounding_mean < 0.2


LOST = {
    0: masklet([5], start=10),
    1: masklet([5], start=30),
    2: masklet([5], start=20),
    3: masklet([5], start=40),
}


def test_by_age():
    assert forgotten(LOST, {3}, 4.0, TrackingConfig(max_age_s=1.5)) == [0, 2]
    assert forgotten(LOST, {3}, 4.0, TrackingConfig(max_age_s=10)) == []
    assert forgotten(LOST, {0}, 9.0, TrackingConfig(max_age_s=1.5)) == [2, 1, 3]


def test_by_number_the_longest_lost_go_first():
    assert forgotten(LOST, {3}, 4.0, TrackingConfig(max_age_s=10, max_lost=1)) == [0, 2]
    assert forgotten(LOST, {3}, 4.0, TrackingConfig(max_age_s=10, max_lost=0)) == [0, 2, 1]

import pytest
from drawn_rows import SIZE, masklet

from trawl.config.steps import TrackingConfig
from trawl.track import duplicates

CONFIG = TrackingConfig(same_iou=0.7, overlap=2)


def test_shared_frames_are_those_of_both():
    a, b = masklet([5, 6, 7, 8]), masklet([6, None, 30], start=1)
    assert duplicates.shared_frames(a.rows, b.rows, SIZE) == {1: 1.0, 3: 0.0}
    assert duplicates.shared_frames(a.rows, {}, SIZE) == {}


@pytest.mark.parametrize(
    "a, b, same",
    [
        ([5, 5, 5, 5], [5, 5, 5, 5], True),
        ([5, 5, 5, 5], [None, None, 5, 5], True),  # a shorter one inside a longer one
        ([5, 5, 5, 5], [11, 11, 11, 11], False),  # side by side
        # in each other's place only once
        ([5, 5, 5, 5, None, None, None], [None, None, None, 5, 5, 5, 5], False),
        ([2, 6, 10, 14, 18], [18, 14, 10, 6, 2], False),  # crossing
        ([5, 5], [None, None, 5, 5], False),  # never together
    ],
    ids=["same", "inside", "beside", "one-frame", "crossing", "apart"],
)
def test_what_is_the_same(a, b, same):
    assert duplicates.are_same(masklet(a), masklet(b), SIZE, CONFIG) == same


def test_joining_keeps_the_better_masks_and_all_else():
    kept, newcomer = masklet([5, 5, None], score=0.6), masklet([5, 6, 7], score=0.8, named={1: 0.9})
    duplicates.join(kept, newcomer)
    assert [int(row.box[0]) for row in kept.in_order()] == [5, 6, 7]
    assert kept.named == {0: 0.5, 1: 0.9}
    kept, newcomer = masklet([5, 5, None], score=0.8), masklet([6, 6, 7], score=0.6)
    duplicates.join(kept, newcomer)
    assert [int(row.box[0]) for row in kept.in_order()] == [5, 5, 7]


def slipped(a, b, past=({}, {})):
    return duplicates.slipped_rows(masklet(a), masklet(b), past, SIZE, CONFIG)


def test_the_one_that_jumped_has_slipped():
    stays, jumps = [20, 20, 20, 20, 20], [2, 3, 4, 20, 20]
    assert slipped(stays, jumps) == (1, [3, 4])
    assert slipped(jumps, stays) == (0, [3, 4])


def test_the_past_before_the_chunk_tells_too():
    both = [20, 20, 20]
    past = (masklet([20], start=-1).rows, masklet([2], start=-1).rows)
    assert slipped(both, both, past) == (1, [0, 1, 2])
    assert slipped(both, both, past[::-1]) == (0, [0, 1, 2])


def test_one_that_begins_on_another_goes_on_as_it():
    assert slipped([5, 5, 5, 5, None, None], [None, None, 5, 5, 5, 5]) is None


def test_a_meeting_is_no_slip():
    assert slipped([2, 6, 10, 14, 18], [18, 14, 10, 6, 2]) is None
    assert slipped([5, 5, 5], [30, 30, 30]) is None
    assert slipped([5, 5, None], [None, None, 5]) is None
    assert slipped([5, 5, 5, 5], [30, 30, 30, 5]) is None  # too short to tell

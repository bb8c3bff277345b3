"""What is right for a text: frames, stretches and videos; and ground truths that belong to
something else.
"""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from little_truth import LittleTruth, thing, video

from trawl.errors import TruthError
from trawl.evaluate.retrieval.truth import SampledFrames, answered, check_indexed, judge, stretches
from trawl.records.truth import TruthQuery

TIMES = [0.0, 0.5, 1.0, 1.5]


def sampled(**frames: list[int]) -> SampledFrames:
    """Frames of videos, half a second apart by their positions."""
    starts = np.cumsum([0, *map(len, frames.values())])
    index = np.concatenate([np.array(item, np.int64) for item in frames.values()])
    return SampledFrames(tuple(frames), starts, index, index * 0.5)


@pytest.mark.parametrize(
    ("groups", "right"),
    [
        (((1,),), [1, 1, 0, 0]),
        (((1, 2),), [1, 1, 1, 0]),  # either of a group
        (((1,), (2,)), [0, 1, 0, 0]),  # one of every group
        (((3,),), [0, 0, 0, 1]),  # 0.2 visible on frame 2: too little
        (((1,), (3,)), [0, 0, 0, 0]),
        ((), [0, 0, 0, 0]),  # nothing is named
    ],
)
def test_a_frame_is_right_when_something_of_every_group_is_clearly_seen(groups, right) -> None:
    things = thing(1, {0: 1.0, 1: 0.5}), thing(2, {1: 0.3, 2: 1.0}), thing(3, {2: 0.2, 3: 0.3})
    result = answered(video("a", TIMES, *things), groups, 0.3)
    np.testing.assert_array_equal(result, np.array(right, bool))


def test_what_is_wholly_hidden_is_no_answer_at_any_threshold() -> None:
    assert not answered(video("a", TIMES, thing(1, {0: 0.0})), ((1,),), 0.0).any()


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_stretches_hold_exactly_the_right_frames(right: list[bool]) -> None:
    times = np.cumsum(np.linspace(0.1, 0.3, len(right)))
    result = stretches(times, np.array(right))
    inside = [any(start <= t < end for start, end in result) for t in times]
    assert inside == right if len(right) > 1 else True
    assert all(a[1] < b[0] for a, b in pairwise(result)), "two that touch are one"


def test_the_right_frames_stretches_and_videos_of_a_text() -> None:
    truth = LittleTruth(
        [
            video("a", TIMES, thing(1, {1: 1.0, 2: 1.0})),
            video("b", TIMES),
            video("c", TIMES, thing(7, {1: 1.0})),
        ],
        [TruthQuery("x", {"a": ((1,),), "c": ((7,),)})],
    )
    (right,), annotated = judge(
        sampled(a=[0, 2], b=[0, 2], c=[0, 2, 3]), truth, truth.queries(), 0.3
    )
    assert right.frames.tolist() == [1], (
        "frame 2 of a; what c shows is on a frame that was not sampled"
    )
    assert right.videos.tolist() == [True, False, True]
    assert right.stretches == {"a": [(0.5, 1.5)], "c": [(0.5, 1.0)]}
    assert annotated.all()


def test_frames_without_annotation_are_not_judged() -> None:
    truth = LittleTruth(
        [video("a", [0.0, 1.0, 2.0], thing(1, {0: 1.0, 4: 1.0}), step=2)],
        [TruthQuery("x", {"a": ((1,),)})],
    )
    (right,), annotated = judge(sampled(a=[0, 1, 4, 9]), truth, truth.queries(), 0.3)
    assert annotated.tolist() == [True, False, True, False]
    assert right.frames.tolist() == [0, 2]


def test_another_clock_is_an_error_that_names_the_first_and_counts_the_rest() -> None:
    late = [t + 5 for t in TIMES]
    truth = LittleTruth([video("a", TIMES), video("b", late), video("c", late)], [])
    with pytest.raises(
        TruthError,
        match=r"frame 0 of b is at 0\.000 s in the index and at 5\.000 s .*\(1 more video",
    ):
        judge(sampled(a=[0], b=[0, 1], c=[2]), truth, [], 0.3)


def test_times_may_differ_by_less_than_half_a_frame() -> None:
    truth = LittleTruth([video("a", [t + 0.2 for t in TIMES])], [])
    judge(sampled(a=[0, 1]), truth, [], 0.3)


def test_a_truth_of_no_sampled_frame_is_an_error() -> None:
    truth = LittleTruth([video("a", TIMES, step=2)], [])
    with pytest.raises(TruthError, match="none of the 2 sampled frames is annotated"):
        judge(sampled(a=[1, 3]), truth, [], 0.3)


def test_videos_that_the_index_lacks_are_an_error() -> None:
    check_indexed(["a"], ["a", "z"])
    with pytest.raises(
        TruthError,
        match=r"^b is in the ground truth and not in the index, nor are 1 more \(3 annotated",
    ):
        check_indexed(["c", "a", "b"], ["a"])

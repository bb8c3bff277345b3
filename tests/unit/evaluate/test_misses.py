"""The worst first, and on the frame that shows it."""

import pytest
from beside_truth import STAR, paired, square, track, truth

from trawl.config.steps import EvaluationConfig
from trawl.evaluate.clip import ClipQuery
from trawl.evaluate.misses import Misses
from trawl.records.truth import Case

LEFT, RIGHT = {n: square(5) for n in range(10)}, {n: square(50) for n in range(10)}


def cases(*clips, worst: int = 12) -> list[Case]:
    misses = Misses(EvaluationConfig(worst=worst))
    for clip in clips:
        misses.add(clip)
    return misses.measured().cases


def test_a_missed_object_on_its_clearest_frame() -> None:
    item = truth(1, LEFT)
    item.visibility[:] = 0.5
    item.visibility[7] = 0.9
    (case,) = cases(paired([item], []))
    assert (case.kind, case.video_id, case.frame_index, case.object_id, case.track_id) == (
        "missed",
        "a.mp4",
        7,
        1,
        None,
    )
    assert case.severity == pytest.approx(0.54)
    assert case.message == "in sight for 1.0 s, and nobody followed it"


def test_a_poor_track_on_its_worst_frame() -> None:
    track_ = {n: square(5 + (15 if n == 6 else 10)) for n in range(9)}
    (case,) = cases(paired([truth(1, LEFT)], [track("c1-0", track_)]))
    # followed no more
    assert (case.kind, case.frame_index, case.object_id, case.track_id) == ("poor", 9, 1, "c1-0")
    assert "by 0.00 here" in case.message


def test_a_good_track_is_no_case() -> None:
    assert cases(paired([truth(1, LEFT)], [track("c1-0", LEFT)])) == []


def test_a_false_track_says_what_it_follows() -> None:
    queries = [ClipQuery(STAR, (1,))]
    tracks = [
        track("c1-0", LEFT),
        track("c1-1", RIGHT, 0.7),
        track("c1-2", {4: square(30, 40)}, 0.8),
    ]
    nothing, ring = cases(
        paired([truth(1, LEFT), truth(2, RIGHT, ("ring", "blue ring"))], tracks, queries=queries)
    )
    assert (nothing.kind, nothing.severity, nothing.frame_index) == ("false", 0.8, 4)
    assert nothing.message == "grounded with 0.80: nothing that the truth knows is there"
    assert (ring.kind, ring.track_id, ring.frame_index) == ("false", "c1-1", 9)  # its best mask
    assert ring.message == "grounded with 0.70: what it follows is called blue ring"


def test_a_double_track() -> None:
    (case,) = cases(
        paired(
            [truth(1, LEFT)], [track("c1-0", LEFT), track("c1-1", {n: square(5) for n in range(3)})]
        )
    )
    assert (case.kind, case.track_id, case.object_id) == ("duplicate", "c1-1", 1)


def test_what_does_not_count_is_no_case() -> None:
    queries = [ClipQuery(STAR, (1,), (2,))]
    tracks = [track("c1-0", LEFT), track("c1-1", RIGHT)]
    assert cases(paired([truth(1, LEFT), truth(2, RIGHT)], tracks, queries=queries)) == []


def test_as_many_as_are_shown_worst_first_in_any_order_of_clips() -> None:
    clips = [
        paired(
            [truth(1, {n: square(5) for n in range(k)})], [], clip_id=f"c{k}", video_id=f"{k}.mp4"
        )
        for k in range(1, 6)
    ]
    result = cases(*clips, worst=2)
    assert [case.video_id for case in result] == ["5.mp4", "4.mp4"]
    assert cases(*clips[::-1], worst=2) == result
    assert cases(*clips, worst=0) == []

"""Score curves to segments: named cases, and what holds for every curve."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trawl.config.steps import SearchConfig
from trawl.query.segments import of_curve, rank
from trawl.records.search import ScoreCurve, Segment

CONFIG = SearchConfig(bridge_s=2.0, pad_s=0.5, per_video=3, segments=20, cut=0.5)


def curve(
    scores: list[float], step_s: float = 1.0, video_id: str = "v", offset_s: float = 0.0
) -> ScoreCurve:
    n = len(scores)
    times = np.arange(n) * step_s + offset_s
    return ScoreCurve(
        video_id, n * step_s + offset_s, times, np.arange(n) * 30, np.array(scores, np.float32)
    )


def spans(found: list[Segment]) -> list[float]:
    """start, end, start, end, ..."""
    return [time_s for segment in found for time_s in (segment.start_s, segment.end_s)]


LO, HI = 0.1, 0.9  # background and hit


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([LO, LO, HI, HI, HI, LO, LO], [(1.5, 4.5)]),
        ([LO, HI, LO, LO, HI, LO], [(0.5, 1.5), (3.5, 4.5)]),
        ([LO, HI, LO, HI, LO, LO], [(0.5, 3.5)]),
        ([HI, HI, LO, LO, LO, LO, HI], [(0.0, 1.5), (5.5, 6.5)]),
        ([HI], [(0.0, 0.5)]),
        ([HI, HI, HI], [(0.0, 2.5)]),
        ([LO, HI, 0.6, 0.4, LO, LO, LO], [(0.5, 2.5)]),
    ],
    ids=[
        "one",
        "gap too long",
        "gap bridged",
        "clipped at the start",
        "one frame",
        "all of it",
        "shoulder is not one",
    ],
)
def test_cases(scores: list[float], expected: list[tuple[float, float]]) -> None:
    best = [segment for segment in of_curve(curve(scores), LO, CONFIG) if segment.score > 0.5]
    assert spans(best) == pytest.approx([time_s for span in expected for time_s in span])


def test_a_weaker_event_has_its_own_level() -> None:
    found = of_curve(curve([LO, HI, HI, LO, LO, LO, 0.5, 0.45, LO, LO]), LO, CONFIG)
    assert spans(found)[:4] == pytest.approx([0.5, 2.5, 5.5, 7.5])


def test_the_cut_decides_how_far_a_segment_reaches() -> None:
    slope = curve([0.1, 0.3, 0.5, 0.7, 0.9, 0.1, 0.1])
    wide, narrow = (
        of_curve(slope, LO, replace(CONFIG, cut=cut, per_video=1))[0] for cut in (0.2, 0.9)
    )
    assert wide.num_hits == 4 and narrow.num_hits == 1


def test_neighbours_share_what_lies_between_them() -> None:
    config = replace(CONFIG, pad_s=10.0)
    found = of_curve(curve([HI, LO, LO, LO, HI]), LO, config)
    assert found[0].end_s == found[1].start_s


def test_the_cap_keeps_the_best() -> None:
    scores = [0.5, LO, LO, 0.9, LO, LO, 0.7, LO, LO, 0.6]
    found = of_curve(curve(scores), LO, replace(CONFIG, per_video=2))
    assert [segment.score for segment in found] == pytest.approx([0.9, 0.7])


def test_nothing_below_the_least_score() -> None:
    found = of_curve(curve([LO, 0.5, LO, LO, HI]), LO, replace(CONFIG, min_score=0.6))
    assert [segment.score for segment in found] == pytest.approx([0.9])


def test_a_start_offset_stays_in_the_times() -> None:
    (found,) = of_curve(curve([LO, HI, LO], offset_s=5.0), LO, replace(CONFIG, per_video=1))
    assert (found.start_s, found.best_time_s, found.end_s) == pytest.approx((5.5, 6.0, 6.5))


def test_the_video_with_the_best_frame_comes_first() -> None:
    spike, broad = curve([LO, LO, 0.8, LO], video_id="spike"), curve([0.7] * 4, video_id="broad")
    assert [segment.video_id for segment in rank([broad, spike], LO, CONFIG)][:2] == [
        "spike",
        "broad",
    ]


def test_no_more_than_asked_for() -> None:
    curves = [curve([LO, HI, LO], video_id=str(n)) for n in range(9)]
    found = rank(curves, LO, replace(CONFIG, segments=4))
    assert [segment.video_id for segment in found] == ["0", "1", "2", "3"]


@st.composite
def curves(draw: st.DrawFn, video_id: str = "v") -> ScoreCurve:
    n = draw(st.integers(1, 40))
    gaps = draw(st.lists(st.floats(0.04, 5), min_size=n, max_size=n))
    levels = st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.8, 0.9]) | st.floats(-1, 1, width=32)
    scores = draw(st.lists(levels, min_size=n, max_size=n))
    times = np.cumsum(gaps)
    return ScoreCurve(
        video_id,
        float(times[-1]) + draw(st.floats(0, 3)),
        times,
        np.arange(n),
        np.array(scores, np.float32),
    )


configs = st.builds(
    SearchConfig,
    cut=st.floats(0.05, 1.0),
    bridge_s=st.floats(0, 6),
    pad_s=st.floats(0, 6),
    per_video=st.integers(1, 5),
    min_score=st.none() | st.floats(-1, 1),
    segments=st.just(50),
)


@given(curves(), st.floats(-1, 1), configs)
def test_what_always_holds(one: ScoreCurve, background: float, config: SearchConfig) -> None:
    found = of_curve(one, background, config)
    assert len(found) <= config.per_video
    assert all(0 <= s.start_s <= s.best_time_s <= s.end_s <= one.duration_s for s in found)
    assert all(a.end_s <= b.start_s for a, b in pairwise(found)), "in order and disjoint"
    for segment in found:
        at = int(np.flatnonzero(one.times_s == segment.best_time_s)[0])
        inside = (one.times_s >= segment.start_s) & (one.times_s <= segment.end_s)
        assert segment.score == one.scores[at] and segment.best_index == one.frame_index[at]
        assert 1 <= segment.num_hits <= inside.sum()
    passing = one.scores >= (-np.inf if config.min_score is None else config.min_score)
    assert bool(found) == bool(passing.any())
    if found:
        best = max(s.score for s in found)
        assert best == one.scores[passing].max()
        if len(found) < config.per_video:
            level = best - (1 - config.cut) * max(best - background, 0.0)
            missed = passing & (one.scores >= level + 1e-6)
            for segment in found:
                missed &= ~((one.times_s >= segment.start_s) & (one.times_s <= segment.end_s))
            assert not missed.any(), (
                "a frame above the level is in no segment, and the cap did not leave it out"
            )


@given(st.lists(curves(), min_size=2, max_size=4), st.randoms())
def test_the_order_of_videos_does_not_matter(drawn: list[ScoreCurve], random: object) -> None:
    named = [replace(one, video_id=str(n)) for n, one in enumerate(drawn)]
    shuffled = list(named)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = rank(named, 0.0, CONFIG)
    assert found == rank(shuffled, 0.0, CONFIG)
    scores = [segment.score for segment in found]
    assert scores == sorted(scores, reverse=True)

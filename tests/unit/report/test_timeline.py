"""Bars, gaps and doubts over a clip's time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from looks import clip, track

from trawl.report.timeline import FlagSpan, flag_spans, join_s, timeline


def test_a_bar_a_track_with_its_gaps() -> None:
    made = timeline(clip(track(0), track(1, start_s=10.0, end_s=20.0, gaps=()), track(4)), {})
    assert [bar.number for bar in made.bars] == [0, 1, 4]
    assert made.bars[0].seen == ((10.0, 30.0), (50.0, 40.0)) and made.bars[0].gaps == (
        (40.0, 10.0),
    )
    assert made.bars[1].seen == ((0.0, 100.0),) and made.bars[1].gaps == ()
    assert "1 gap," in made.bars[0].title and "0 gaps" in made.bars[1].title


def test_nothing_lies_over_another() -> None:
    spans = {0: [FlagSpan("speed", 12, 13), FlagSpan("border", 10, 20), FlagSpan("speed", 15, 15)]}
    made = timeline(clip(track(0), track(1), track(2)), spans)
    first, second, _ = made.bars
    assert [lane.name for lane in first.lanes] == ["border", "speed"]
    tops = [first.y, first.bar_y, *(lane.y for lane in first.lanes), second.y, second.bar_y]
    assert tops == sorted(set(tops))
    assert made.height > made.bars[-1].bar_y + 14


@pytest.mark.parametrize(
    ("spans", "side"),
    [
        ([(10, 12), (13, 16)], "after"),
        ([(14, 15), (18, 19)], "before"),
        ([(10, 11), (19, 20)], "below"),
    ],
)
def test_a_lane_is_named_where_there_is_room(spans: list[tuple[float, float]], side: str) -> None:
    (lane,) = timeline(clip(), {0: [FlagSpan("speed", *span) for span in spans]}).bars[0].lanes
    assert lane.side == side and len(lane.marks) == 2


def test_flags_of_a_track_that_no_row_tells_of() -> None:
    made = timeline(
        clip(track(0, flags=("lost", "appearance", "speed"))), {0: [FlagSpan("speed", 12, 13)]}
    )
    marks = {lane.name: lane.marks for lane in made.bars[0].lanes}
    assert marks["speed"] == ((20.0, 10.0),)
    assert marks["appearance"] == ((10.0, 80.0),), "all along the track"
    (left, width), *more = marks["lost"]
    assert left == pytest.approx(90, abs=1) and width < 2 and not more, "at its end"


@pytest.mark.parametrize(
    ("end_s", "labels"),
    [
        (10.3, ["00:10.0", "00:10.1", "00:10.2", "00:10.3"]),
        (20.0, [f"00:{n}" for n in (10, 12, 14, 16, 18, 20)]),
    ],
)
def test_ticks_stand_at_round_times(end_s: float, labels: list[str]) -> None:
    made = timeline(clip(track(clip_end_s=end_s, start_s=10.0, end_s=end_s, gaps=())), {})
    assert [label for _, label in made.ticks] == labels
    assert made.ticks[0][0] == 0 and made.ticks[-1][0] == 100


times = st.floats(0, 5000).map(lambda value: round(value, 3))


@given(start=times, length=st.floats(0.02, 4000), inner=st.lists(times, min_size=2, max_size=8))
def test_everything_lies_inside(start: float, length: float, inner: list[float]) -> None:
    end = start + length
    inside = sorted(min(max(value, start), end) for value in inner)
    own = track(0, clip_start_s=start, clip_end_s=end, start_s=inside[0], end_s=inside[-1], gaps=())
    made = timeline(clip(own), {0: [FlagSpan("speed", value, value) for value in inside]})
    bar = made.bars[0]
    for left, width in (*bar.seen, *bar.lanes[0].marks):
        assert left >= 0 and width > 0 and left + width <= 100.02
    percents = [percent for percent, _ in made.ticks]
    assert percents == sorted(percents) and len(percents) <= 8
    assert all(0 <= percent <= 100.01 for percent in percents)


def test_neighbouring_frames_of_a_short_clip_are_one_doubt() -> None:
    short = clip(track(clip_start_s=0.0, clip_end_s=1.6, start_s=0.0, end_s=1.5, gaps=()))
    assert len(flag_spans([(0.4 + n / 24, ["speed"]) for n in range(3)], join_s(short))) == 1
    assert join_s(clip(track(clip_end_s=110.0))) == 1.0


rows = st.lists(st.sets(st.sampled_from(["speed", "border", "lost"])), max_size=30)


@given(rows)
def test_spans_cover_the_flagged_rows_and_no_others(flags: list[set[str]]) -> None:
    spans = flag_spans([(float(n), sorted(some)) for n, some in enumerate(flags)], join_s=1.0)
    for flag in ("speed", "border", "lost"):
        covered = {
            n for s in spans if s.flag == flag for n in range(int(s.start_s), int(s.end_s) + 1)
        }
        assert covered == {n for n, some in enumerate(flags) if flag in some}

"""Draws when each object of a clip was seen, as bars over the clip's time, with its gaps and where
it was doubted.

Only geometry: places along time in percent of the clip, so that the drawing fits any width, and
heights in pixels. The template `timeline.svg.j2` turns it into SVG.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trawl.draw.doubt import in_words, is_doubtful
from trawl.draw.palette import color, css
from trawl.draw.times import clock
from trawl.draw.tracks import ClipFacts, TrackFacts
from trawl.records.tracking import Flag

Stretch = tuple[float, float]  # left and width, percent of the clip

_AXIS, _LABEL, _BAR, _LANE, _TALL_LANE, _SPACE = 24, 18, 14, 14, 24, 12  # pixels of height
_ROOM = 28  # percent that a lane's name needs beside its marks, on a phone
_TICKS = 6  # at most
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
# Doubts closer than this part of the clip, or than neighbouring frames of a slow video, are drawn
# as one.
_JOIN, _JOIN_S = 0.01, 0.15
_LEAST = 0.6  # percent that a mark is wide at least


@dataclass(frozen=True, slots=True)
class FlagSpan:
    """A stretch in which every row, or nearly, carries a flag."""

    flag: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One kind of doubt below a bar. title: for a pointer that rests on it; y: top, pixels.

    side: the name stands "after" the last mark, "before" the first or "below" it, at name_x
    percent.
    """

    name: str
    title: str
    y: int
    marks: tuple[Stretch, ...]
    side: str
    name_x: float

    @property
    def height(self) -> int:
        return _TALL_LANE if self.side == "below" else _LANE


@dataclass(frozen=True, slots=True)
class Bar:
    """One track. seen: stretches with a mask; gaps: between them; y: top of its label, bar_y: of
    the bar, pixels.
    """

    number: int
    text: str
    title: str
    doubtful: bool
    fill: str
    y: int
    bar_y: int
    seen: tuple[Stretch, ...]
    gaps: tuple[Stretch, ...]
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All bars of a clip. ticks: (percent, time in words); height: pixels."""

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    height: int


def flag_spans(rows: Iterable[tuple[float, Sequence[str]]], join_s: float) -> list[FlagSpan]:
    """Rows of one track, as (time_s, flags) in order of time, to spans per flag; spans at most
    `join_s` apart are one.

    >>> flag_spans([(0.0, ["speed"]), (0.1, ["speed"]), (0.2, []), (5.0, ["speed"])], join_s=0.5)
    [FlagSpan(flag='speed', start_s=0.0, end_s=0.1), FlagSpan(flag='speed', start_s=5.0, end_s=5.0)]
    """
    done: list[FlagSpan] = []
    running: dict[str, FlagSpan] = {}
    for time_s, flags in rows:
        for flag in flags:
            last = running.get(flag)
            if last and time_s - last.end_s > join_s:
                done.append(last)
                last = None
            running[flag] = FlagSpan(flag, last.start_s if last else time_s, time_s)
    return sorted([*done, *running.values()], key=lambda span: (span.start_s, span.flag))


def join_s(clip: ClipFacts) -> float:
    """Return how close two doubts of one kind may be before they are drawn as one."""
    return max((clip.end_s - clip.start_s) * _JOIN, _JOIN_S)


def timeline(clip: ClipFacts, spans: Mapping[int, Sequence[FlagSpan]]) -> Timeline:
    """spans: by number of the track, those of its rows; a track's flag that none of them tells of
    is marked all along it.
    """
    y = _AXIS
    bars = []
    for track in clip.tracks:
        bar = _bar(clip, track, spans.get(track.number, ()), y)
        bars.append(bar)
        y = bar.bar_y + _BAR + sum(lane.height for lane in bar.lanes) + _SPACE
    return Timeline(tuple(bars), tuple(_ticks(clip.start_s, clip.end_s)), y)


def _bar(clip: ClipFacts, track: TrackFacts, spans: Sequence[FlagSpan], y: int) -> Bar:
    told = {span.flag for span in spans}
    whole = [_of_track(track, flag) for flag in track.flags if flag not in told]
    by_flag: dict[str, list[FlagSpan]] = {}
    for span in sorted([*spans, *whole], key=lambda span: span.start_s):
        by_flag.setdefault(span.flag, []).append(span)
    below, lanes = y + _LABEL + _BAR + 4, list[Lane]()
    for flag, found in by_flag.items():
        lanes.append(_lane(clip, flag, found, below))
        below += lanes[-1].height
    edges = [track.start_s, *(edge for gap in track.gaps for edge in gap), track.end_s]
    title = f"{track.number} {track.text}: {clock(track.start_s)} to {clock(track.end_s)}"
    return Bar(
        number=track.number,
        text=track.text,
        title=f"{title}, {_count(len(track.gaps), 'gap')}, {_count(len(by_flag), 'kind')} of doubt",
        doubtful=is_doubtful(track),
        fill=css(color(track.number)),
        y=y,
        bar_y=y + _LABEL,
        seen=tuple(_stretch(clip, a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)),
        gaps=tuple(_stretch(clip, a, b) for a, b in track.gaps),
        lanes=tuple(lanes),
    )


def _of_track(track: TrackFacts, flag: str) -> FlagSpan:
    return FlagSpan(flag, track.end_s if flag == Flag.LOST else track.start_s, track.end_s)


def _lane(clip: ClipFacts, flag: str, spans: Sequence[FlagSpan], y: int) -> Lane:
    marks = tuple(_stretch(clip, span.start_s, span.end_s) for span in spans)
    times = ", ".join(f"{clock(span.start_s)} to {clock(span.end_s)}" for span in spans)
    first, end = marks[0][0], max(left + width for left, width in marks)
    side, name_x = (
        ("after", end) if end <= 100 - _ROOM else ("before" if first >= _ROOM else "below", first)
    )
    return Lane(in_words(flag), f"{in_words(flag)}: {times}", y, marks, side, name_x)


def _stretch(clip: ClipFacts, start_s: float, end_s: float) -> Stretch:
    left, right = _percent(clip, start_s), _percent(clip, end_s)
    width = max(right - left, _LEAST)
    return round(min(left, 100 - width), 2), round(width, 2)


def _percent(clip: ClipFacts, time_s: float) -> float:
    length = clip.end_s - clip.start_s
    return 100 * min(max((time_s - clip.start_s) / length, 0.0), 1.0) if length > 0 else 0.0


def _ticks(start_s: float, end_s: float) -> list[tuple[float, str]]:
    length = end_s - start_s
    step = next((step for step in _STEPS_S if length / step <= _TICKS), length / _TICKS)
    first = -(-start_s // step)
    count = math.floor((end_s - first * step) / step + 1e-9) + 1 if length > 0 else 0
    times = [(first + k) * step for k in range(count)]
    tail = -2 if step >= 1 else None  # whole seconds need no tenths
    return [(round(100 * (time_s - start_s) / length, 2), clock(time_s)[:tail]) for time_s in times]


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"

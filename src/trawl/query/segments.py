"""From a video's score curve to the stretches in which the text is likely seen.

Peaks are taken best first. A segment holds the frames around its peak that score above a level
between the background (a typical frame of the corpus) and the peak: half-way by default, the width
at half height. So no absolute threshold is needed, which would differ between models and texts.
Gaps up to `bridge_s` are bridged, ends are padded, neighbours share what lies between them, and a
shoulder of a better segment is not a segment. Pure functions over arrays.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trawl.config.steps import SearchConfig
from trawl.records.search import ScoreCurve, Segment


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Places in a curve: first to last supporting frame, both included, and the peak. num_hits
    frames support it.
    """

    first: int
    last: int
    peak: int
    num_hits: int


def rank(curves: Iterable[ScoreCurve], background: float, config: SearchConfig) -> list[Segment]:
    """The best segments over all curves, best first, at most `config.segments`.

    A segment's score is its best frame's, so the video with the best frame comes first.

    Args:
        curves: one per video, in any order.
        background: the score of a typical frame.
        config: `cut`, `bridge_s`, `pad_s`, `per_video`, `segments` and `min_score` are read here.
    """
    found = [segment for curve in curves for segment in of_curve(curve, background, config)]
    found.sort(key=lambda segment: (-segment.score, segment.video_id, segment.start_s))
    return found[: config.segments]


def of_curve(curve: ScoreCurve, background: float, config: SearchConfig) -> list[Segment]:
    """The segments of one video: at most `per_video`, in time order, disjoint, inside the video.

    Every frame that scores above the best segment's level lies in a segment, unless the cap left it
    out.
    """
    taken: list[_Stretch] = []
    # in a segment, or so near to one that it is its shoulder
    claimed = np.zeros(len(curve.scores), bool)
    while len(taken) < config.per_video:
        eligible = _eligible(curve, claimed, config.min_score)
        if not eligible.any():
            break
        peak = int(np.argmax(np.where(eligible, curve.scores, -np.inf)))
        level = _level(float(curve.scores[peak]), background, config.cut)
        stretch = _around(curve, peak, eligible & (curve.scores >= level), config.bridge_s)
        taken.append(stretch)
        claimed |= _within(curve, stretch, config.bridge_s)
    if not taken:
        return []
    taken.sort(key=lambda stretch: stretch.first)
    spans = _spans(curve, taken, config.pad_s)
    return [_segment(curve, stretch, span) for stretch, span in zip(taken, spans, strict=True)]


def _eligible(
    curve: ScoreCurve, claimed: NDArray[np.bool_], min_score: float | None
) -> NDArray[np.bool_]:
    return (
        ~claimed
        & np.isfinite(curve.scores)
        & (curve.scores >= (-np.inf if min_score is None else min_score))
    )


def _level(peak: float, background: float, cut: float) -> float:
    """Return what a frame must score to support a peak; a peak no better than the background stands
    alone.
    """
    return peak - (1 - min(cut, 1.0)) * max(peak - background, 0.0)


def _around(curve: ScoreCurve, peak: int, supports: NDArray[np.bool_], bridge_s: float) -> _Stretch:
    """The supporting frames around the peak, as far as gaps are bridged.

    A better segment in between is such a gap: its frames, and those within `bridge_s` of it, are
    claimed and support nothing.
    """
    places = np.flatnonzero(supports)
    at = int(np.searchsorted(places, peak))
    breaks = np.flatnonzero(np.diff(curve.times_s[places]) > bridge_s)
    first = int(breaks[breaks < at].max(initial=-1)) + 1
    last = int(breaks[breaks >= at].min(initial=len(places) - 1))
    return _Stretch(int(places[first]), int(places[last]), peak, last - first + 1)


def _within(curve: ScoreCurve, stretch: _Stretch, margin_s: float) -> NDArray[np.bool_]:
    times = curve.times_s
    near: NDArray[np.bool_] = (times >= times[stretch.first] - margin_s) & (
        times <= times[stretch.last] + margin_s
    )
    return near


def _spans(curve: ScoreCurve, stretches: list[_Stretch], pad_s: float) -> list[tuple[float, float]]:
    """Padded [start, end) of each, clipped to the video and, between neighbours, to the middle of
    what separates them.
    """
    times = curve.times_s
    begin, end = min(float(times[0]), 0.0), max(float(times[-1]), curve.duration_s)
    middles = [float(times[a.last] + times[b.first]) / 2 for a, b in pairwise(stretches)]
    lows, highs = [begin, *middles], [*middles, end]
    return [
        (max(float(times[s.first]) - pad_s, low), min(float(times[s.last]) + pad_s, high))
        for s, low, high in zip(stretches, lows, highs, strict=True)
    ]


def _segment(curve: ScoreCurve, stretch: _Stretch, span: tuple[float, float]) -> Segment:
    return Segment(
        video_id=curve.video_id,
        start_s=span[0],
        end_s=span[1],
        score=float(curve.scores[stretch.peak]),
        best_index=int(curve.frame_index[stretch.peak]),
        best_time_s=float(curve.times_s[stretch.peak]),
        num_hits=stretch.num_hits,
    )

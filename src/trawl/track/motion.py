"""Computes how an object moved: its rows through gaps, its speed and direction, and how much of it
each row shows.

A row's place is the middle of its box. Speeds and thresholds are measured in sizes of the object
(the root of its median area), so that they hold at any resolution; what is stored is pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trawl import geometry
from trawl.config.steps import MotionConfig, TrackingConfig
from trawl.records.arrays import Indices, Times
from trawl.records.tracking import Flag, MaskRow, Visibility
from trawl.track import doubts, kalman
from trawl.track.masklet import Masklet

Size = tuple[int, int]  # height, width in pixels


@dataclass(frozen=True, slots=True)
class Moved:
    """The fields of `records.Track` that motion fills."""

    rows: tuple[MaskRow, ...]
    mean_speed: float
    max_speed: float
    direction_deg: float | None
    gaps: tuple[tuple[float, float], ...]
    flags: tuple[Flag, ...]


def measure(
    one: Masklet, index: Indices, times: Times, size: Size, config: TrackingConfig
) -> Moved:
    """One masklet, measured.

    Args:
        one: with at least one row.
        index, times: (T,) of all frames of the clip, increasing.
        size: of the pictures.
        config: `motion` and `max_age_s`.
    """
    motion = config.motion
    rows = _seen_as(one.in_order(), motion)
    masked = [row for row in rows if row.rle is not None] or rows
    rows = doubts.flagged(rows, one.looks, size, motion)
    is_lost = rows[-1].frame_index < index[-1]
    if is_lost:
        rows[-1] = replace(rows[-1], flags=(*rows[-1].flags, Flag.LOST))
    inferred = _through_gaps(rows, index, times, size, config)
    steps = speeds(masked, motion.speed_s)
    complete = sorted([*rows, *inferred], key=lambda row: row.frame_index)
    return Moved(
        rows=tuple(complete),
        mean_speed=float(steps.mean()) if len(steps) else 0.0,
        max_speed=float(steps.max(initial=0.0)),
        direction_deg=direction_deg(masked, motion),
        gaps=_gaps(masked, index, times),
        flags=tuple(flag for flag in Flag if any(flag in row.flags for row in complete)),
    )


def _seen_as(rows: Sequence[MaskRow], config: MotionConfig) -> list[MaskRow]:
    """Rows with a mask far smaller than the object lately was are occluded.

    What is occluded does not count as lately.
    """
    marked: list[MaskRow] = []
    lately: list[MaskRow] = []
    for row in rows:
        lately = [old for old in lately if row.time_s - old.time_s <= config.recent_s]
        usual = float(np.median([old.area for old in lately])) if lately else 0.0
        if row.area < config.occluded * usual:
            marked.append(replace(row, visibility=Visibility.OCCLUDED))
        else:
            marked.append(row)
            lately.append(row)
    return marked


def _through_gaps(
    rows: Sequence[MaskRow], index: Indices, times: Times, size: Size, config: TrackingConfig
) -> list[MaskRow]:
    """Rows without a mask for the frames that have none, up to `config.max_age_s` after the last
    that has.
    """
    place = {int(frame): n for n, frame in enumerate(index)}
    inferred = []
    for n, (before, after) in enumerate(zip(rows, [*rows[1:], None], strict=True)):
        stop = place[after.frame_index] if after else len(index)
        missing = range(place[before.frame_index] + 1, stop)
        if not missing:
            continue
        path = _Path(rows[: n + 1], rows[n + 1 :], config.motion)
        for m in missing:
            if times[m] - before.time_s > config.max_age_s:
                break
            box = geometry.clip([path.box(float(times[m]))], *size)
            if not geometry.areas(box)[0]:
                if after is None:
                    break  # it has left
                continue
            left, top, right, bottom = (float(side) for side in box[0])
            guess = MaskRow(
                int(index[m]),
                float(times[m]),
                (left, top, right, bottom),
                0,
                0.0,
                Visibility.INFERRED,
                None,
            )
            inferred.append(guess)
    return inferred


class _Path:
    """Estimates where an object is in a gap: a filter from before it and one from behind it, each
    as sure as it is.
    """

    def __init__(
        self, before: Sequence[MaskRow], after: Sequence[MaskRow], config: MotionConfig
    ) -> None:
        self._ahead = kalman.of_rows(before, config.noise, config.drift)
        self._back = (
            kalman.of_rows(after, config.noise, config.drift, backward=True) if after else None
        )
        self._before, self._after = before[-1], after[0] if after else before[-1]

    def box(self, time_s: float) -> NDArray[np.float64]:
        """(4,) xyxy pixels, of a size between those on both sides."""
        xy, variance = self._ahead.predict(time_s)
        share = 0.0
        if self._back is not None:
            other, doubt = self._back.predict(-time_s)
            xy = (xy * doubt + other * variance) / (variance + doubt)
            share = (time_s - self._before.time_s) / (self._after.time_s - self._before.time_s)
        low, high = (np.subtract(row.box[2:], row.box[:2]) for row in (self._before, self._after))
        half = ((1 - share) * low + share * high) / 2
        return np.concatenate([xy - half, xy + half])


def speeds(rows: Sequence[MaskRow], over_s: float) -> NDArray[np.float64]:
    """(S,) pixels per second between rows at least `over_s` apart, so that a mask's trembling is no
    motion; none for one row.

    Rows that span less in all give their one speed.
    """
    if len(rows) < 2:
        return np.zeros(0)
    times = np.array([row.time_s for row in rows])
    centres = geometry.centres([row.box for row in rows])
    later = np.searchsorted(times, times + over_s - 1e-9)
    start = np.flatnonzero(later < len(rows))
    if not len(start):
        start, later = np.array([0]), np.full(len(rows), len(rows) - 1)
    way = np.hypot(*(centres[later[start]] - centres[start]).T)
    speed: NDArray[np.float64] = way / (times[later[start]] - times[start])
    return speed


def direction_deg(rows: Sequence[MaskRow], config: MotionConfig) -> float | None:
    """Return the direction from first to last centre, 0 right, 90 down, in [0, 360); None if
    shorter than `config.still` sizes.
    """
    way = kalman.centre(rows[-1]) - kalman.centre(rows[0])
    if np.hypot(*way) < max(config.still * kalman.object_size(rows), 1e-9):
        return None
    return float(np.degrees(np.arctan2(way[1], way[0])) % 360)


def _gaps(
    masked: Sequence[MaskRow], index: Indices, times: Times
) -> tuple[tuple[float, float], ...]:
    """[start_s, end_s) of each stretch of frames without a mask between rows with one."""
    place = {int(frame): n for n, frame in enumerate(index)}
    spots = [place[row.frame_index] for row in masked]
    return tuple((float(times[a + 1]), float(times[b])) for a, b in pairwise(spots) if b > a + 1)

"""Flags what is odd about a row.

Nothing is dropped for a flag.

A rule is a function from rows in time order to the frames it doubts; a new one is an entry in
`_RULES`. Every threshold is a setting, relative to the object's size or the picture's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from trawl.config.steps import MotionConfig
from trawl.records.arrays import Embeddings
from trawl.records.tracking import Flag, MaskRow
from trawl.track import kalman


@dataclass(frozen=True, slots=True)
class _Case:
    """rows: those with a mask, in time order; looks: by frame_index; size: (height, width) of the
    picture.
    """

    rows: Sequence[MaskRow]
    looks: Mapping[int, Embeddings]
    size: tuple[int, int]
    config: MotionConfig


def flagged(
    rows: Sequence[MaskRow],
    looks: Mapping[int, Embeddings],
    size: tuple[int, int],
    config: MotionConfig,
) -> list[MaskRow]:
    """The rows with their flags, those they had included, in the order of `records.Flag`."""
    case = _Case([row for row in rows if row.rle is not None], looks, size, config)
    doubted = {flag: set(rule(case)) for flag, rule in _RULES.items()}
    return [
        replace(
            row,
            flags=tuple(f for f in Flag if f in row.flags or row.frame_index in doubted.get(f, ())),
        )
        for row in rows
    ]


def _area_jump(case: _Case) -> Iterator[int]:
    """The area changed by more than a factor since the frame before."""
    for before, row in pairwise(case.rows):
        ratio = max(row.area, before.area) / max(min(row.area, before.area), 1)
        if row.frame_index == before.frame_index + 1 and ratio > case.config.area_jump:
            yield row.frame_index


def _speed(case: _Case) -> Iterator[int]:
    """The centre moved faster since the last row than objects do, in sizes per second."""
    limit = case.config.max_speed * kalman.object_size(case.rows)
    for before, row in pairwise(case.rows):
        if np.hypot(*(kalman.centre(row) - kalman.centre(before))) > limit * (
            row.time_s - before.time_s
        ):
            yield row.frame_index


def _low_score(case: _Case) -> Iterator[int]:
    return (row.frame_index for row in case.rows if row.score < case.config.low_score)


def _border(case: _Case) -> Iterator[int]:
    height, width = case.size
    margin = case.config.border * max(height, width)
    for row in case.rows:
        left, top, right, bottom = row.box
        if min(left, top, width - right, height - bottom) <= margin:
            yield row.frame_index


def _appearance(case: _Case) -> Iterator[int]:
    """It looks unlike the mean of the track's other looks."""
    if len(case.looks) < 3:
        return
    total = np.sum(list(case.looks.values()), axis=0)
    for index, look in case.looks.items():
        others = total - look
        if float(look @ others) < case.config.appearance_cosine * float(np.linalg.norm(others)):
            yield index


def _identity_switch(case: _Case) -> Iterator[int]:
    """It moved as it should not, and looks different since: the frame of the oddest step between
    two unlike looks.
    """
    unlike = [
        (first, second)
        for first, second in pairwise(sorted(case.looks))
        if float(case.looks[first] @ case.looks[second]) < case.config.switch_cosine
    ]
    if not unlike:
        return
    odd = _surprises(case)
    for first, second in unlike:
        between = {index: sigmas for index, sigmas in odd.items() if first < index <= second}
        if between and max(between.values()) > case.config.switch_sigmas:
            yield max(between, key=lambda index: between[index])


def _surprises(case: _Case) -> dict[int, float]:
    """Return how far each row's centre was from where its past predicted it, in standard
    deviations.
    """
    scale = kalman.object_size(case.rows)
    first = case.rows[0]
    state = kalman.ConstantVelocity(
        first.time_s, kalman.centre(first), case.config.noise * scale, case.config.drift * scale
    )
    return {row.frame_index: state.update(row.time_s, kalman.centre(row)) for row in case.rows[1:]}


_RULES: dict[Flag, Callable[[_Case], Iterator[int]]] = {
    Flag.AREA_JUMP: _area_jump,
    Flag.SPEED: _speed,
    Flag.LOW_SCORE: _low_score,
    Flag.IDENTITY_SWITCH: _identity_switch,
    Flag.APPEARANCE: _appearance,
    Flag.BORDER: _border,
}

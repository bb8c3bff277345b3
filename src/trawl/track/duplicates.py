"""Masklets of one chunk that turn out to be the same thing.

Two that cover the same pixels on most of the frames they share are one. A newcomer is then joined
to what was followed before. Two objects of different pasts that end up on the same pixels are not
joined, since their pasts are two: the one that was not there before has slipped onto the other, so
its rows end where that began, and the last good one is flagged.
"""

from collections.abc import Mapping
from itertools import takewhile

import numpy as np

from trawl import geometry, masks
from trawl.config.steps import TrackingConfig
from trawl.records.tracking import MaskRow
from trawl.track.masklet import Masklet

Rows = Mapping[int, MaskRow]  # by frame_index


def shared_frames(a: Rows, b: Rows, size: tuple[int, int]) -> dict[int, float]:
    """The mask IoU of two masklets by frame_index, in order of time, on the frames where both have
    a mask.
    """
    common = sorted(index for index in a.keys() & b.keys() if a[index].rle and b[index].rle)
    if not common:
        return {}
    first, second = (np.array([rows[index].box for index in common]) for rows in (a, b))
    meet = (np.maximum(first[:, :2], second[:, :2]) < np.minimum(first[:, 2:], second[:, 2:])).all(
        axis=1
    )
    return {
        index: float(masks.iou([str(a[index].rle)], [str(b[index].rle)], *size)[0, 0])
        if near
        else 0.0
        for index, near in zip(common, meet.tolist(), strict=True)
    }


def are_same(a: Masklet, b: Masklet, size: tuple[int, int], config: TrackingConfig) -> bool:
    """Whether both cover the same pixels (`config.same_iou` on average) where they meet, and meet
    on half of the shorter one.
    """
    common = shared_frames(a.rows, b.rows, size)
    if not common or 2 * len(common) < min(len(a.rows), len(b.rows)):
        return False
    return bool(np.mean(list(common.values())) >= config.same_iou)


def join(kept: Masklet, newcomer: Masklet) -> None:
    """Make one of two that are the same; where both have a mask, those of the one with the better
    scores stay.
    """
    common = kept.rows.keys() & newcomer.rows.keys()
    mine, others = (
        float(np.mean([m.rows[index].score for index in common])) for m in (kept, newcomer)
    )
    kept.absorb(newcomer, prefer_other=others > mine)


def slipped_rows(
    a: Masklet, b: Masklet, past: tuple[Rows, Rows], size: tuple[int, int], config: TrackingConfig
) -> tuple[int, list[int]] | None:
    """For two objects of different pasts: which slipped onto the other (0 for a, 1 for b), and on
    which frames; None if neither.

    Args:
        a, b: their rows in this chunk.
        past: their rows before it.
    """
    common = shared_frames(a.rows, b.rows, size)
    same = list(takewhile(lambda index: common[index] >= config.same_iou, reversed(common)))
    if not same or len(same) < min(config.overlap, len(common)):
        return None  # apart in the end, or too shortly together to tell from a meeting
    start = same[-1]
    jumps = [_jump({**before, **one.rows}, start) for before, one in zip(past, (a, b), strict=True)]
    if jumps[0] is None or jumps[1] is None:
        return None  # one began here: it is the other going on, and has no past to be cut off from
    loser = int(jumps[1] > jumps[0])
    return loser, [index for index in (a, b)[loser].rows if index >= start]


def _jump(rows: Rows, start: int) -> float | None:
    """1 - IoU of the boxes at `start` and before: 0 for what stayed where it was, 1 for what
    jumped; None without a before.
    """
    before = max((index for index in rows if index < start), default=None)
    return (
        None
        if before is None
        else 1 - float(geometry.iou([rows[before].box], [rows[start].box])[0, 0])
    )

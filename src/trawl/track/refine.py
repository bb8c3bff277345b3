"""Cleaning masks once all are there: each kind of it is a setting, and all are off until a
measurement says otherwise.

Trackers are prompted with the raw masks, never with these. Lengths are relative to the object, so
that a setting holds at any resolution. Morphology is OpenCV's; masks are decoded one frame at a
time.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from trawl import geometry, masks
from trawl.config.steps import RefineConfig, TrackingConfig
from trawl.masks import Mask
from trawl.records.tracking import Flag, MaskRow, Visibility
from trawl.track.masklet import Masklet, row_of

Size = tuple[int, int]  # height, width in pixels
Picture = NDArray[np.uint8]  # (h, w), 0 and 1


def refine(masklets: Sequence[Masklet], size: Size, config: TrackingConfig) -> None:
    """Clean every row's mask as set, then, with `overlaps=score`, give each pixel to one object.

    No row is lost.
    """
    if _is_on(config.refine):
        for one in masklets:
            one.rows |= {
                row.frame_index: row for row in _cleaned(one.in_order(), size, config.refine)
            }
    if config.overlaps == "score":
        _part_overlaps(masklets, size)


def _is_on(config: RefineConfig) -> bool:
    return config != RefineConfig(
        fill_holes=0.0, drop_parts=0.0, smooth_contour=0.0, smooth_frames=1
    )


def _cleaned(rows: Sequence[MaskRow], size: Size, config: RefineConfig) -> Iterator[MaskRow]:
    for row, mask in _smoothed(rows, size, config.smooth_frames):
        new = row_of(clean(mask, config), row.frame_index, row.time_s, row.score)
        yield replace(row, box=new.box, area=new.area, rle=new.rle) if new else row


def clean(mask: Mask, config: RefineConfig) -> Mask:
    """(H, W) bool -> the same with small holes filled, small parts dropped and its contour
    smoothed, as set.
    """
    left, top, right, bottom = masks.bounding_box(mask)
    if right <= left:
        return mask
    area = int(mask[top:bottom, left:right].sum())
    sigma = config.smooth_contour * float(np.sqrt(area))
    # room for the contour to move, and background around every hole
    margin = int(np.ceil(3 * sigma)) + 1
    cut = np.pad(mask[top:bottom, left:right].astype(np.uint8), margin)
    if config.drop_parts:
        cut = _without_small_parts(cut, config.drop_parts)
    if config.fill_holes:
        cut = _without_small_holes(cut, config.fill_holes * area)
    if sigma:
        cut = (cv2.GaussianBlur(cut.astype(np.float32), (0, 0), sigma) >= 0.5).astype(np.uint8)
    framed = np.pad(np.zeros_like(mask), margin)
    framed[top : bottom + 2 * margin, left : right + 2 * margin] = cut.astype(bool)
    return framed[margin:-margin, margin:-margin]


def _without_small_parts(picture: Picture, share: float) -> Picture:
    """Parts hang together over corners too. The largest stays, whatever the share."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(picture, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    keep = areas >= min(share, 1.0) * areas[1:].max(initial=0)
    keep[0] = False
    kept: Picture = keep[labels].astype(np.uint8)
    return kept


def _without_small_holes(picture: Picture, least: float) -> Picture:
    """A hole is background that no path along pixels' sides joins to the background around the
    object.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(1 - picture, connectivity=4)
    fill = stats[:, cv2.CC_STAT_AREA] < least
    fill[[0, labels[0, 0]]] = False  # the picture itself, and what lies around it
    filled: Picture = picture | fill[labels].astype(np.uint8)
    return filled


def _smoothed(rows: Sequence[MaskRow], size: Size, frames: int) -> Iterator[tuple[MaskRow, Mask]]:
    """Each row with the majority of the masks around it, moved onto its own centre; alone it counts
    for two in a tie.

    frames: how many around it, itself included, odd; fewer at the ends and beside gaps.
    """
    reach = frames // 2
    decoded: dict[int, Mask] = {}
    for n, row in enumerate(rows):
        around = range(max(n - reach, 0), min(n + reach + 1, len(rows)))
        decoded = {m: decoded[m] if m in decoded else _decode(rows[m], size) for m in around}
        near = [m for m in around if _unbroken(rows, min(m, n), max(m, n))]
        votes = sum(_moved(decoded[m], rows[m], row).astype(np.int16) for m in near if m != n)
        yield row, 2 * (votes + decoded[n]) + decoded[n] > len(near)


def _unbroken(rows: Sequence[MaskRow], first: int, last: int) -> bool:
    return all(b.frame_index == a.frame_index + 1 for a, b in pairwise(rows[first : last + 1]))


def _decode(row: MaskRow, size: Size) -> Mask:
    return np.zeros(size, np.bool_) if row.rle is None else masks.decode(row.rle, *size)


def _moved(mask: Mask, of: MaskRow, to: MaskRow) -> Mask:
    """The mask shifted by whole pixels so that its box's centre lies on the other row's."""
    shift = geometry.centres([to.box])[0] - geometry.centres([of.box])[0]
    matrix = np.array([[1, 0, round(shift[0])], [0, 1, round(shift[1])]], np.float32)
    height, width = mask.shape
    return cv2.warpAffine(
        mask.astype(np.uint8), matrix, (width, height), flags=cv2.INTER_NEAREST
    ).astype(bool)


def _part_overlaps(masklets: Sequence[Masklet], size: Size) -> None:
    """A pixel of several objects goes to the one with the best score on that frame; rows that lose
    any are flagged.
    """
    by_frame: dict[int, list[Masklet]] = defaultdict(list)
    for one in masklets:
        for index, row in one.rows.items():
            if row.rle is not None:
                by_frame[index].append(one)
    for index, here in by_frame.items():
        boxes = [one.rows[index].box for one in here]
        crowded = np.count_nonzero(geometry.intersection(boxes, boxes), axis=1) > 1
        taken = np.zeros(size, np.bool_)
        for n in sorted(np.flatnonzero(crowded), key=lambda n: (-here[n].rows[index].score, n)):
            row = here[n].rows[index]
            mask = _decode(row, size)
            if (mask & taken).any():
                here[n].rows[index] = _without(row, mask & ~taken)
            taken |= mask


def _without(row: MaskRow, rest: Mask) -> MaskRow:
    """Return what a row keeps of its mask; if that is nothing, its box says where the object still
    is.
    """
    flags = row.flags if Flag.OVERLAP in row.flags else (*row.flags, Flag.OVERLAP)
    new = row_of(rest, row.frame_index, row.time_s, row.score)
    if new is None:
        return replace(row, area=0, rle=None, visibility=Visibility.OCCLUDED, flags=flags)
    return replace(row, box=new.box, area=new.area, rle=new.rle, flags=flags)

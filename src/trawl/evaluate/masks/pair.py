"""One true object and its track, mask against mask on every frame of a clip: decoded a frame at a
time, where something is.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from trawl import masks
from trawl.evaluate.clip import EvaluatedClip, FollowedTrack
from trawl.evaluate.masks.boundaries import MARGIN, boundary_f, boundary_iou
from trawl.evaluate.overlap import positions
from trawl.masks import Mask
from trawl.records.truth import TruthObject


@dataclass(frozen=True, slots=True)
class MaskPair:
    """F frames; `there` (F,) bool: the object or the track is. j, f, boundary (F,) float64, 1 where
    neither is there.

    flicker: dtSSD of each step between neighbouring frames on either of which anything is there.
    right, found, real: pixels over all frames, of both masks, of the track's, of the object's.
    """

    there: NDArray[np.bool_]
    j: NDArray[np.float64]
    f: NDArray[np.float64]
    boundary: NDArray[np.float64]
    flicker: NDArray[np.float64]
    right: int
    found: int
    real: int


def compare(
    clip: EvaluatedClip, one: TruthObject, track: FollowedTrack, j: NDArray[np.float64]
) -> MaskPair:
    """Compare all frames. j (F,): their IoU, 0 where either is not there."""
    size = clip.video.height, clip.video.width
    of_object, of_track = positions(clip, one), positions(clip, track)
    there = (of_object >= 0) | (of_track >= 0)
    f, boundary = np.ones(len(there)), np.ones(len(there))
    flicker: list[float] = []
    right = found = real = 0
    before = _Frame(None, None, size)
    for frame, (k, n) in enumerate(zip(of_object, of_track, strict=True)):
        now = _Frame(track.rles[n] if n >= 0 else None, one.rles[k] if k >= 0 else None, size)
        if there[frame]:
            ours, true = now.cut(now.box)
            f[frame], boundary[frame] = (
                boundary_f(ours, true, now.diagonal),
                boundary_iou(ours, true, now.diagonal),
            )
            right += int(np.count_nonzero(ours & true))
            found, real = found + int(np.count_nonzero(ours)), real + int(np.count_nonzero(true))
        if frame and (there[frame] or there[frame - 1]):
            both = _around(before.box, now.box)
            flicker.append(dtssd(before.cut(both), now.cut(both), math.prod(size)))
        before = now
    return MaskPair(
        there, np.where(there, j, 1.0), f, boundary, np.array(flicker), right, found, real
    )


Box = tuple[int, int, int, int]


class _Frame:
    """Both masks of one frame, and the part of the picture that holds them."""

    def __init__(self, found: str | None, real: str | None, size: tuple[int, int]) -> None:
        self._found, self._real = (_decoded(rle, size) for rle in (found, real))
        self.diagonal = math.hypot(*size)
        self.box = (0, 0, 0, 0)
        coded = [
            {"size": list(size), "counts": rle.encode("ascii")}
            for rle in (found, real)
            if rle is not None
        ]
        if coded:
            left, top, wide, high = np.asarray(coco.toBbox(coded), np.int64).T
            self.box = (
                max(int(left.min()) - MARGIN, 0),
                max(int(top.min()) - MARGIN, 0),
                min(int((left + wide).max()) + MARGIN, size[1]),
                min(int((top + high).max()) + MARGIN, size[0]),
            )

    def cut(self, box: Box) -> tuple[Mask, Mask]:
        """(found, real) inside a box, xyxy pixels."""
        left, top, right, bottom = box
        nothing = np.zeros((bottom - top, right - left), np.bool_)
        found, real = (
            nothing if one is None else one[top:bottom, left:right]
            for one in (self._found, self._real)
        )
        return found, real


def _decoded(rle: str | None, size: tuple[int, int]) -> Mask | None:
    return None if rle is None else masks.decode(rle, *size)


def _around(a: Box, b: Box) -> Box:
    """The smallest box that holds two; an empty one holds nothing."""
    if a[2] <= a[0] or b[2] <= b[0]:
        return a if a[2] > a[0] else b
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def dtssd(before: tuple[Mask, Mask], now: tuple[Mask, Mask], pixels: int) -> float:
    """Of one step. before, now: (found, truth), (H, W) bool each, any part of the picture that
    holds all four masks.

    pixels: of the whole picture.
    """
    change = [
        new.astype(np.int8) - old.astype(np.int8) for old, new in zip(before, now, strict=True)
    ]
    wrong = (change[0] - change[1]).astype(np.int64)
    return math.sqrt(float((wrong * wrong).sum()) / pixels)

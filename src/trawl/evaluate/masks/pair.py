"""Compares the masks of one true object and its track on every frame of a clip.

Masks are decoded one frame at a time, only where either is present.
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
    """Holds the comparison over F frames.

    Args:
        present: (F,) bool, where the object or the track is present.
        j: (F,) float64 IoU; 1 where neither is present, as in `f` and `boundary`.
        flicker: dtSSD of each step between neighbouring frames on either of which anything is
            present.
        shared: Pixels of both masks over all frames.
        predicted: Pixels of the track's masks.
        true: Pixels of the object's masks.
    """

    present: NDArray[np.bool_]
    j: NDArray[np.float64]
    f: NDArray[np.float64]
    boundary: NDArray[np.float64]
    flicker: NDArray[np.float64]
    shared: int
    predicted: int
    true: int


def compare(
    clip: EvaluatedClip, truth: TruthObject, track: FollowedTrack, j: NDArray[np.float64]
) -> MaskPair:
    """Compare all frames, given their IoU (F,), 0 where either is absent."""
    size = clip.video.height, clip.video.width
    of_object, of_track = positions(clip, truth), positions(clip, track)
    present = (of_object >= 0) | (of_track >= 0)
    f, boundary = np.ones(len(present)), np.ones(len(present))
    flicker: list[float] = []
    right = predicted = real = 0
    before = _Frame(None, None, size)
    for frame, (k, n) in enumerate(zip(of_object, of_track, strict=True)):
        now = _Frame(track.rles[n] if n >= 0 else None, truth.rles[k] if k >= 0 else None, size)
        if present[frame]:
            track_mask, true = now.cut(now.box)
            f[frame], boundary[frame] = (
                boundary_f(track_mask, true, now.diagonal),
                boundary_iou(track_mask, true, now.diagonal),
            )
            right += int(np.count_nonzero(track_mask & true))
            predicted, real = (
                predicted + int(np.count_nonzero(track_mask)),
                real + int(np.count_nonzero(true)),
            )
        if frame and (present[frame] or present[frame - 1]):
            both = _around(before.box, now.box)
            flicker.append(dtssd(before.cut(both), now.cut(both), math.prod(size)))
        before = now
    return MaskPair(
        present, np.where(present, j, 1.0), f, boundary, np.array(flicker), right, predicted, real
    )


Box = tuple[int, int, int, int]


class _Frame:
    """Holds both masks of one frame and the box that contains them."""

    def __init__(self, predicted: str | None, real: str | None, size: tuple[int, int]) -> None:
        self._found, self._real = (_decoded(rle, size) for rle in (predicted, real))
        self.diagonal = math.hypot(*size)
        self.box = (0, 0, 0, 0)
        coded = [
            {"size": list(size), "counts": rle.encode("ascii")}
            for rle in (predicted, real)
            if rle is not None
        ]
        if coded:
            x, y, width, height = np.asarray(coco.toBbox(coded), np.int64).T
            self.box = (
                max(int(x.min()) - MARGIN, 0),
                max(int(y.min()) - MARGIN, 0),
                min(int((x + width).max()) + MARGIN, size[1]),
                min(int((y + height).max()) + MARGIN, size[0]),
            )

    def cut(self, box: Box) -> tuple[Mask, Mask]:
        """Return (predicted, true) inside a box, xyxy pixels."""
        left, top, right, bottom = box
        nothing = np.zeros((bottom - top, right - left), np.bool_)
        predicted, real = (
            nothing if mask is None else mask[top:bottom, left:right]
            for mask in (self._found, self._real)
        )
        return predicted, real


def _decoded(rle: str | None, size: tuple[int, int]) -> Mask | None:
    return None if rle is None else masks.decode(rle, *size)


def _around(a: Box, b: Box) -> Box:
    """Return the smallest box that contains two; an empty box contains nothing."""
    if a[2] <= a[0] or b[2] <= b[0]:
        return a if a[2] > a[0] else b
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def dtssd(before: tuple[Mask, Mask], now: tuple[Mask, Mask], pixels: int) -> float:
    """Return the dtSSD of one step between two frames.

    Args:
        before: (predicted, true) masks, (H, W) bool each, of any part of the picture that contains
            all four masks.
        now: The same of the next frame.
        pixels: Number of pixels of the whole picture.
    """
    change = [
        new.astype(np.int8) - old.astype(np.int8) for old, new in zip(before, now, strict=True)
    ]
    wrong = (change[0] - change[1]).astype(np.int64)
    return math.sqrt(float((wrong * wrong).sum()) / pixels)

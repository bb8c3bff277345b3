"""Sorts true objects into slices by size, speed, occlusion and count in a stretch of video.

size        mean area of its visible part: COCO's small (below 32 x 32 pixels), medium (below 96 x
            96), large
speed       of its centre, in object sizes (root of its area) per second: slow below 0.5, medium
            below 2, fast
occlusion   mean hidden share: none (at most 5 %), some (at most 30 %), much. Without visibility in
            the ground truth, all of an object counts as visible.
objects     one or several objects that answer the text in the stretch
"""

import numpy as np
from numpy.typing import NDArray

from trawl import geometry, masks
from trawl.evaluate.clip import EvaluatedClip
from trawl.records.truth import TruthObject

_SMALL, _MEDIUM = 32**2, 96**2  # square pixels
_SLOW, _FAST = 0.5, 2.0  # object sizes per second
_NONE, _SOME = 0.05, 0.3


def object_slices(clip: EvaluatedClip, truth: TruthObject, objects: int) -> tuple[str, ...]:
    """Return the slices of an object that is seen in the clip.

    Args:
        objects: How many objects answer the text in the clip.
    """
    rows = np.flatnonzero(np.isin(truth.frame_index, clip.frame_index))
    visible = rows[truth.visibility[rows] > 0]
    areas = _areas(clip, truth, visible)
    hidden = 1 - float(truth.visibility[rows].mean())
    size = float(areas.mean())
    speed = _speed(clip, truth, visible, float(np.sqrt(areas).mean()))
    return (
        f"size={_word(size, (_SMALL, _MEDIUM), ('small', 'medium', 'large'))}",
        f"speed={_word(speed, (_SLOW, _FAST), ('slow', 'medium', 'fast'))}",
        f"occlusion={'none' if hidden <= _NONE else 'some' if hidden <= _SOME else 'much'}",
        objects_slice(objects),
    )


def objects_slice(objects: int) -> str:
    return "objects=one" if objects == 1 else "objects=several"


def _word(value: float, limits: tuple[float, float], words: tuple[str, str, str]) -> str:
    return words[int(np.searchsorted(limits, value, side="right"))]


def _areas(clip: EvaluatedClip, truth: TruthObject, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    height, width = clip.video.height, clip.video.width
    coded = [rle for row in rows if (rle := truth.rles[row]) is not None]
    if len(coded) < len(rows):
        return geometry.areas(truth.boxes[rows])
    return np.array([masks.area(rle, height, width) for rle in coded], np.float64)


def _speed(clip: EvaluatedClip, truth: TruthObject, rows: NDArray[np.int64], size: float) -> float:
    """Return the speed of the centre of its box between neighbouring sights; 0 for one sight."""
    times_s = clip.time_s[np.searchsorted(clip.frame_index, truth.frame_index[rows])]
    if len(rows) < 2:
        return 0.0
    path = np.linalg.norm(np.diff(geometry.centres(truth.boxes[rows]), axis=0), axis=1).sum()
    return float(path / max(times_s[-1] - times_s[0], 1e-9) / max(size, 1e-9))

"""Boxes: xyxy pixels, right and bottom exclusive, (N, 4).

Pure arrays; knows nothing of masks or videos.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

AnyBoxes = ArrayLike | Sequence[ArrayLike]  # of N boxes
Boxes = NDArray[np.float64]  # (N, 4)


def as_boxes(boxes: AnyBoxes) -> Boxes:
    """Anything of N boxes -> (N, 4) float64; no boxes -> (0, 4)."""
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)


def areas(boxes: AnyBoxes) -> NDArray[np.float64]:
    """(N, 4) -> (N,) square pixels, 0 for a box that is inside out."""
    b = as_boxes(boxes)
    return np.clip(b[:, 2] - b[:, 0], 0, None) * np.clip(b[:, 3] - b[:, 1], 0, None)


def centres(boxes: AnyBoxes) -> NDArray[np.float64]:
    """(N, 4) -> (N, 2) xy pixels."""
    b = as_boxes(boxes)
    return (b[:, :2] + b[:, 2:]) / 2


def intersection(a: AnyBoxes, b: AnyBoxes) -> NDArray[np.float64]:
    """(N, 4), (M, 4) -> (N, M) square pixels that both cover."""
    first, second = as_boxes(a)[:, None], as_boxes(b)[None]
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(
        first[..., :2], second[..., :2]
    )
    product: NDArray[np.float64] = np.clip(sides, 0, None).prod(axis=-1)
    return product


def iou(a: AnyBoxes, b: AnyBoxes) -> NDArray[np.float64]:
    """(N, 4), (M, 4) -> (N, M), 0-1; 0 where both are empty.

    >>> iou([[0, 0, 2, 2]], [[1, 0, 3, 2], [5, 5, 6, 6]]).round(3).tolist()
    [[0.333, 0.0]]
    """
    both = intersection(a, b)
    either = areas(a)[:, None] + areas(b)[None] - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def clip(boxes: AnyBoxes, height: int, width: int) -> Boxes:
    """The part of each box inside a picture; a box wholly outside becomes empty, on the border
    nearest to it.
    """
    return np.clip(as_boxes(boxes), 0, [width, height, width, height])


def expand(boxes: AnyBoxes, share: float) -> Boxes:
    """Each side moved outward by `share` of the box's own width or height."""
    b = as_boxes(boxes)
    margin = (b[:, 2:] - b[:, :2]) * share
    return np.concatenate([b[:, :2] - margin, b[:, 2:] + margin], axis=1)


def crop(boxes: AnyBoxes, share: float, height: int, width: int) -> NDArray[np.int64]:
    """Whole pixels to cut out for each box: expanded by `share`, inside the picture and at least 1
    x 1. (N, 4) int64 xyxy.
    """
    b = expand(boxes, share)
    size = np.array([width, height])
    low = np.clip(np.floor(b[:, :2]), 0, size - 1)
    high = np.clip(np.ceil(b[:, 2:]), low + 1, size)
    return np.concatenate([low, high], axis=1).astype(np.int64)

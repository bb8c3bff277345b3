"""J and F, the two figures of the DAVIS benchmark for masks that follow an object, by its own definitions.

J is intersection over union. F is the harmonic mean of the precision and the recall of the outlines, where a pixel of
one outline is met when the other passes within 0.8 % of the picture's diagonal. Where neither mask has a pixel both
are 1.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

_NEAR = 0.008  # of the diagonal

Mask = NDArray[np.bool_]


def region(found: Mask, truth: Mask) -> float:
    """J of two masks (H, W)."""
    union = np.count_nonzero(found | truth)
    return np.count_nonzero(found & truth) / union if union else 1.0


def contour(found: Mask, truth: Mask) -> float:
    """F of two masks (H, W)."""
    radius = math.ceil(_NEAR * math.hypot(*truth.shape))
    span = np.arange(-radius, radius + 1)
    disk = (span[:, None] ** 2 + span**2 <= radius**2).astype(np.uint8)
    mine, other = outline(found), outline(truth)
    if not mine.any() or not other.any():
        return float(not mine.any() and not other.any())
    precision = np.count_nonzero(mine & _grown(other, disk)) / np.count_nonzero(mine)
    recall = np.count_nonzero(other & _grown(mine, disk)) / np.count_nonzero(other)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def outline(mask: Mask) -> Mask:
    """(H, W): pixels that differ from their right, lower or lower right neighbour; the picture's own edge is none."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, lower, both = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    return np.asarray((mask ^ right) | (mask ^ lower) | (mask ^ both))


def _grown(edge: Mask, disk: NDArray[np.uint8]) -> Mask:
    return np.asarray(cv2.dilate(edge.astype(np.uint8), disk), dtype=bool)

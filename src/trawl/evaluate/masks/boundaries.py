"""Computes how well two outlines agree: DAVIS' F and boundary IoU.

F (Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation,
CVPR 2016) is the harmonic mean of the precision and the recall of the outlines, where a pixel of
one outline is matched if the other passes within 0.8 % of the diagonal. Boundary IoU (Cheng et al.,
Boundary IoU: Improving Object-Centric Image Segmentation Evaluation, CVPR 2021) is the IoU of what
lies in each mask within 2 % of the diagonal from its outline.

Both may be computed on a part of the picture: `diagonal` is the whole picture's, in pixels, and the
part must reach MARGIN pixels beyond both masks, or to the picture's border. Masks are (H, W) bool.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from trawl.masks import Mask

MARGIN = 2
_NEAR, _BAND = 0.008, 0.02  # of the diagonal


def boundary_f(predicted: Mask, truth: Mask, diagonal: float) -> float:
    """Return F, 0-1; 1 if neither mask has an outline."""
    outline, true_outline = _outline(predicted), _outline(truth)
    if not outline.any() or not true_outline.any():
        return float(not outline.any() and not true_outline.any())
    disk = _disk(math.ceil(_NEAR * diagonal))
    precision = np.count_nonzero(outline & _grown(true_outline, disk)) / np.count_nonzero(outline)
    recall = np.count_nonzero(true_outline & _grown(outline, disk)) / np.count_nonzero(true_outline)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary_iou(predicted: Mask, truth: Mask, diagonal: float) -> float:
    """Return boundary IoU, 0-1; 1 if neither mask has a pixel.

    The picture's border is an outline too, as in its authors' code.
    """
    width = max(1, round(_BAND * diagonal))
    band, true_band = _band(predicted, width), _band(truth, width)
    either = np.count_nonzero(band | true_band)
    return np.count_nonzero(band & true_band) / either if either else 1.0


def _outline(mask: Mask) -> Mask:
    """Return pixels that differ from their right, lower or lower right neighbour.

    The picture's border is no outline.
    """
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, lower, both = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    return np.asarray((mask ^ right) | (mask ^ lower) | (mask ^ both), np.bool_)


def _disk(radius: int) -> NDArray[np.uint8]:
    span = np.arange(-radius, radius + 1)
    return (span[:, None] ** 2 + span**2 <= radius**2).astype(np.uint8)


def _grown(edge: Mask, disk: NDArray[np.uint8]) -> Mask:
    return np.asarray(cv2.dilate(edge.view(np.uint8), disk), np.bool_)


def _band(mask: Mask, width: int) -> Mask:
    """Return the part of a mask within `width` pixels of its outline."""
    padded = cv2.copyMakeBorder(mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)[1:-1, 1:-1]
    return np.asarray(mask & (inner == 0), np.bool_)

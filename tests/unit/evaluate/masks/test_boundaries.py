"""F as TrackEval computes it, boundary IoU as its paper defines it, both the same on a part of the
picture.
"""

import math

import numpy as np
import pytest
from beside_truth import SIZE, square
from pycocotools import mask as coco
from scipy import ndimage
from trackeval.metrics.j_and_f import JAndF

from trawl.evaluate.masks.boundaries import MARGIN, boundary_f, boundary_iou

DIAGONAL = math.hypot(*SIZE)


def blobs(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Smooth shapes, often cut by the picture's border."""
    noise = np.random.default_rng(seed).normal(size=size)
    return ndimage.gaussian_filter(noise, 5) > 0.02


def reference_f(found: np.ndarray, truth: np.ndarray) -> float:
    coded = [[coco.encode(np.asfortranarray(mask.astype(np.uint8)))] for mask in (truth, found)]
    return float(JAndF._compute_f([coded[0]], [coded[1]], 0, 0, 0.008)[0])


def reference_boundary_iou(found: np.ndarray, truth: np.ndarray) -> float:
    """G_d of the paper: the pixels of a mask at a distance of at most d from its contour; d is 2 %
    of the diagonal.

    Its authors erode with a 3 x 3 square, so the distance is the larger of both directions', and
    what is outside of the picture is outside of the mask.
    """
    d = max(1, round(0.02 * math.hypot(*found.shape)))
    bands = []
    for mask in (found, truth):
        inside = ndimage.distance_transform_cdt(np.pad(mask, 1), metric="chessboard")[1:-1, 1:-1]
        bands.append(mask & (inside <= d))
    return float((bands[0] & bands[1]).sum() / (bands[0] | bands[1]).sum())


@pytest.mark.parametrize("size", [SIZE, (120, 200), (270, 480)])
@pytest.mark.parametrize("seed", range(5))
def test_equal_to_the_references(seed: int, size: tuple[int, int]) -> None:
    result, truth, diagonal = (
        blobs(seed, size),
        np.roll(blobs(seed, size), (seed, 1), (0, 1)),
        math.hypot(*size),
    )
    assert boundary_f(result, truth, diagonal) == pytest.approx(reference_f(result, truth))
    assert boundary_iou(result, truth, diagonal) == pytest.approx(
        reference_boundary_iou(result, truth)
    )


@pytest.mark.parametrize(
    ("found", "truth", "f", "boundary"),
    [
        pytest.param(square(10), square(10), 1.0, 1.0, id="the same"),
        pytest.param(square(50), square(5), 0.0, 0.0, id="apart"),
        pytest.param(np.zeros(SIZE, bool), square(5), 0.0, 0.0, id="nothing found"),
        pytest.param(square(5), np.zeros(SIZE, bool), 0.0, 0.0, id="nothing there"),
        pytest.param(np.zeros(SIZE, bool), np.zeros(SIZE, bool), 1.0, 1.0, id="neither"),
        pytest.param(
            np.ones(SIZE, bool),
            np.ones(SIZE, bool),
            1.0,
            1.0,
            id="everything: no outline, but a border",
        ),
    ],
)
def test_edges(found: np.ndarray, truth: np.ndarray, f: float, boundary: float) -> None:
    assert boundary_f(found, truth, DIAGONAL) == f
    assert boundary_iou(found, truth, DIAGONAL) == boundary


@pytest.mark.parametrize(("left", "top"), [(0, 0), (30, 20), (61, 41)])
def test_a_part_of_the_picture_is_enough(left: int, top: int) -> None:
    result, truth = square(left, top, 17), square(left + 2, top + 1, 17)
    rows, columns = (np.flatnonzero((result | truth).any(axis=axis)) for axis in (1, 0))
    cut = tuple(slice(max(at[0] - MARGIN, 0), at[-1] + 1 + MARGIN) for at in (rows, columns))
    for figure in (boundary_f, boundary_iou):
        assert figure(result[cut], truth[cut], DIAGONAL) == figure(result, truth, DIAGONAL)


def test_boundary_iou_sees_what_iou_does_not() -> None:
    """Large objects: the same error at the outline weighs more."""
    result, truth = square(10, 5, 50), square(11, 5, 50)
    iou = (result & truth).sum() / (result | truth).sum()
    assert boundary_iou(result, truth, DIAGONAL) < 0.75 < 0.95 < iou

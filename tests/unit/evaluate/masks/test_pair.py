"""Frame by frame, decoded in part, the same as on whole pictures."""

import math

import numpy as np
import pytest
from beside_truth import SIZE, clip, near, random_film, square, track, truth

from trawl.evaluate.masks.boundaries import boundary_f, boundary_iou
from trawl.evaluate.masks.pair import compare, dtssd
from trawl.evaluate.overlap import of_masks

FRAMES = 15


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_whole_pictures(seed: int) -> None:
    rng = np.random.default_rng(seed)
    real = random_film(rng, FRAMES, gone=0.4)
    ours = near(real, rng, most=10)
    scene = clip([truth(1, real)], [track("c1-0", ours)], frames=FRAMES)
    item, other = scene.video.objects[0], scene.tracks[0]
    result = compare(scene, item, other, of_masks(scene, [item], [other]).iou[:, 0, 0])

    nothing = np.zeros(SIZE, bool)
    pairs = [(ours.get(n, nothing), real.get(n, nothing)) for n in range(FRAMES)]
    present = [n for n in range(FRAMES) if n in ours or n in real]
    assert np.flatnonzero(result.present).tolist() == present
    assert result.f == pytest.approx([boundary_f(*pair, math.hypot(*SIZE)) for pair in pairs])
    assert result.boundary == pytest.approx(
        [boundary_iou(*pair, math.hypot(*SIZE)) for pair in pairs]
    )
    steps = [n for n in range(1, FRAMES) if {n, n - 1} & set(present)]
    assert result.flicker == pytest.approx(
        [dtssd(pairs[n - 1], pairs[n], math.prod(SIZE)) for n in steps]
    )
    assert (result.shared, result.predicted, result.true) == (
        sum((a & b).sum() for a, b in pairs),
        sum(a.sum() for a, _ in pairs),
        sum(b.sum() for _, b in pairs),
    )


def test_masks_that_touch_every_border() -> None:
    full = {n: np.ones(SIZE, bool) for n in range(3)}
    scene = clip(
        [truth(1, full)], [track("c1-0", {0: square(0, 0, 60), 1: np.ones(SIZE, bool)})], frames=3
    )
    item, other = scene.video.objects[0], scene.tracks[0]
    result = compare(scene, item, other, of_masks(scene, [item], [other]).iou[:, 0, 0])
    assert result.boundary[1] == result.f[1] == 1.0
    assert result.shared == 60 * 60 + 60 * 80


def reference(found: list[np.ndarray], truth: list[np.ndarray]) -> float:
    """Of a whole film: the mean over steps of the root of the mean over pixels, alphas in 0-1."""
    alpha, true = np.array(found, float), np.array(truth, float)
    return float(
        np.sqrt(((np.diff(alpha, axis=0) - np.diff(true, axis=0)) ** 2).mean(axis=(1, 2))).mean()
    )


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_the_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    result, truth = ([*random_film(rng, 12, gone=0).values()] for _ in range(2))
    n = min(len(result), len(truth))
    steps = [
        dtssd((result[i], truth[i]), (result[i + 1], truth[i + 1]), SIZE[0] * SIZE[1])
        for i in range(n - 1)
    ]
    assert np.mean(steps) == pytest.approx(reference(result[:n], truth[:n]))
    assert np.mean(steps) > 0


def test_wrong_in_the_same_way_is_stable_and_flicker_is_not() -> None:
    pixels = SIZE[0] * SIZE[1]
    steady = dtssd((square(5, 5), square(5)), (square(7, 5), square(7)), pixels)
    same = dtssd((square(5), square(5)), (square(5), square(5)), pixels)
    flicker = dtssd((square(5), square(5)), (np.zeros(SIZE, bool), square(5)), pixels)
    assert same == 0
    assert flicker == pytest.approx((400 / pixels) ** 0.5)
    assert 0 < steady < flicker

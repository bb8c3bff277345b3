"""dtSSD as its paper has it, on whole pictures."""

import numpy as np
import pytest
from beside_truth import SIZE, random_film, square

from trawl.evaluate.masks.stability import dtssd


def reference(found: list[np.ndarray], truth: list[np.ndarray]) -> float:
    """Of a whole film: the mean over steps of the root of the mean over pixels, alphas in 0-1."""
    alpha, true = np.array(found, float), np.array(truth, float)
    return float(np.sqrt(((np.diff(alpha, axis=0) - np.diff(true, axis=0)) ** 2).mean(axis=(1, 2))).mean())


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_the_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found, truth = ([*random_film(rng, 12, gone=0).values()] for _ in range(2))
    n = min(len(found), len(truth))
    steps = [dtssd((found[i], truth[i]), (found[i + 1], truth[i + 1]), SIZE[0] * SIZE[1]) for i in range(n - 1)]
    assert np.mean(steps) == pytest.approx(reference(found[:n], truth[:n]))
    assert np.mean(steps) > 0


def test_wrong_in_the_same_way_is_stable_and_flicker_is_not() -> None:
    pixels = SIZE[0] * SIZE[1]
    steady = dtssd((square(5, 5), square(5)), (square(7, 5), square(7)), pixels)
    same = dtssd((square(5), square(5)), (square(5), square(5)), pixels)
    flicker = dtssd((square(5), square(5)), (np.zeros(SIZE, bool), square(5)), pixels)
    assert same == 0
    assert flicker == pytest.approx((400 / pixels) ** 0.5)
    assert 0 < steady < flicker

"""J and F against computations that share nothing with theirs: counting in sets, and distances between all pixels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trawl.demo import davis


def _disk(height: int, width: int, y: float, x: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def _slow_outline(mask: np.ndarray) -> set[tuple[int, int]]:
    height, width = mask.shape
    edge = set()
    for y in range(height):
        for x in range(width):
            near = [(y, min(x + 1, width - 1)), (min(y + 1, height - 1), x)]
            near.append((min(y + 1, height - 1), min(x + 1, width - 1)))
            if any(mask[p] != mask[y, x] for p in near):
                edge.add((y, x))
    return edge


def _slow_contour(found: np.ndarray, truth: np.ndarray) -> float:
    near = math.ceil(0.008 * math.hypot(*truth.shape))
    a, b = _slow_outline(found), _slow_outline(truth)
    if not a or not b:
        return float(not a and not b)

    def met(some: set[tuple[int, int]], other: set[tuple[int, int]]) -> float:
        return sum(min(math.dist(p, q) for q in other) <= near for p in some) / len(some)

    precision, recall = met(a, b), met(b, a)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


places = st.tuples(st.floats(0, 24), st.floats(0, 40), st.floats(1, 9))


@settings(max_examples=40, deadline=None)
@given(places, places)
def test_agrees_with_slow_definitions(one, other):
    found, truth = _disk(25, 41, *one), _disk(25, 41, *other)
    assert davis.contour(found, truth) == pytest.approx(_slow_contour(found, truth))
    a, b = set(np.flatnonzero(found)), set(np.flatnonzero(truth))
    assert davis.region(found, truth) == pytest.approx(len(a & b) / len(a | b) if a | b else 1.0)


def test_tolerance_grows_with_the_picture():
    truth, moved = _disk(240, 320, 100, 100, 40), _disk(240, 320, 100, 103, 40)
    assert davis.contour(moved, truth) == 1.0  # within the 4 pixels that 0.8 % of 400 give
    assert davis.contour(moved[40:160, 40:200], truth[40:160, 40:200]) < 1.0  # here 2
    assert davis.region(moved, truth) < 0.95


def test_nothing_against_nothing_and_something():
    nothing, thing = np.zeros((20, 20), bool), _disk(20, 20, 10, 10, 5)
    assert davis.region(nothing, nothing) == davis.contour(nothing, nothing) == 1.0
    assert davis.region(thing, nothing) == davis.contour(thing, nothing) == 0.0
    assert davis.region(nothing, thing) == davis.contour(nothing, thing) == 0.0

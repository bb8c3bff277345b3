"""One to one, as many as are allowed, at the least cost: against every pairing there is."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from trawl.track.assign import one_to_one

costs = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=4),
    elements=st.one_of(st.floats(0, 1), st.just(np.inf)),
)


def every_pairing(cost):
    rows, columns = cost.shape
    if rows > columns:
        return [[(i, j) for j, i in pairs] for pairs in every_pairing(cost.T)]
    return [
        [(i, j) for i, j in enumerate(order) if np.isfinite(cost[i, j])]
        for order in permutations(range(columns), rows)
    ]


@settings(max_examples=150, deadline=None)
@given(costs)
def test_best_of_all_pairings(cost):
    got = one_to_one(cost)
    assert len({i for i, _ in got}) == len({j for _, j in got}) == len(got)
    assert all(np.isfinite(cost[i, j]) for i, j in got)
    best = min((-len(pairs), sum(cost[i, j] for i, j in pairs)) for pairs in every_pairing(cost))
    assert (-len(got), pytest.approx(sum(cost[i, j] for i, j in got))) == best


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0)])
def test_nothing_to_pair(shape):
    assert one_to_one(np.zeros(shape)) == []

"""One to one: the pairing of least total cost among the pairs that are allowed at all."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


def one_to_one(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """(N, M) costs in 0-1, infinite where a pair is forbidden -> pairs (row, column), in order of
    rows.

    As many pairs as can be are made, and of those the cheapest.

    >>> one_to_one(np.array([[0.1, 0.2], [0.0, np.inf]]))
    [(0, 1), (1, 0)]
    """
    allowed = np.isfinite(cost)
    if not allowed.any():
        return []
    # A forbidden pair costs more than any pairing without one, so that it is taken only where
    # nothing else is left.
    rows, columns = linear_sum_assignment(np.where(allowed, cost, 2.0 * (min(cost.shape) + 1)))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if allowed[r, c]]

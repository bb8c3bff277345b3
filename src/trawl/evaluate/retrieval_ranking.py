"""One text's ranked answers and what they are worth, by the field's own measures.

Ties: scores that agree to six decimals are equal, and among equals the wrong ones rank first. So a figure depends neither on
the order of a table nor on a name, and a model that gives everything the same score earns nothing. What trec_eval defines is
computed by trec_eval (ir_measures); here is only the ranking that it is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trawl.records import Indices

CUTOFFS = (1, 5, 10)
DEPTH = 50  # of a curve of recall at k
RECALLS = tuple(k / 10 for k in range(11))
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Judged:
    """What one ranking is worth. Shares are 0-1.

    values: "recall_at_<k>" 1 where a right answer is among the first k, "precision_at_<k>", "ap" and "rr". success (DEPTH,): the
    former for k = 1, 2, ...; precision (11,): the best at each of RECALLS or beyond. first: rank of the first right answer from
    1, or None where none is listed.
    """

    values: dict[str, float]
    success: NDArray[np.float64]
    precision: NDArray[np.float64]
    first: int | None


def order(scores: NDArray[np.floating[Any]], right: NDArray[np.bool_]) -> Indices:
    """Best first, as (N,) places of (N,) scores; among equal scores the wrong ones first, then by place.

    >>> order(np.array([0.5, 0.9, 0.5]), np.array([True, False, False]))
    array([1, 2, 0])
    """
    return np.lexsort((right, -np.round(scores, _DECIMALS)))


def judge(hits: NDArray[np.bool_], num_right: int) -> Judged:
    """What a ranking is worth.

    Args:
        hits: (N,) in rank order, which answers are right. May stop where the list does.
        num_right: right answers that exist, listed or not; at least one.
    """
    from ir_measures import pytrec_eval

    wanted, named, deep, level = _measures()
    places = np.flatnonzero(hits)
    missed = {f"missed {k}": 1 for k in range(num_right - len(places))}
    # What follows the last right answer changes nothing; a list needs an answer to be judged at all.
    listed = int(places[-1]) + 1 if len(places) else 1
    run = {"q": {str(k): float(listed - k) for k in range(listed)}}
    qrels = {"q": {str(k): 1 for k in places} | missed}
    found = {str(one.measure): float(one.value) for one in pytrec_eval.evaluator(wanted, qrels).iter_calc(run)}
    return Judged(
        values={name: found[measure] for name, measure in named.items()},
        success=np.array([found[measure] for measure in deep]),
        precision=np.array([found[measure] for measure in level]),
        first=int(places[0]) + 1 if len(places) else None,
    )


def _measures() -> tuple[list[Any], dict[str, str], Sequence[str], Sequence[str]]:
    """All that are asked of trec_eval, and what they are called: by our names, at each depth, at each level of recall."""
    from ir_measures import AP, RR, IPrec, P, Success

    named = {f"recall_at_{k}": Success @ k for k in CUTOFFS} | {f"precision_at_{k}": P @ k for k in CUTOFFS}
    named |= {"ap": AP, "rr": RR}
    deep, level = [Success @ k for k in range(1, DEPTH + 1)], [IPrec @ recall for recall in RECALLS]
    wanted = {str(measure): measure for measure in (*named.values(), *deep, *level)}
    return list(wanted.values()), {k: str(v) for k, v in named.items()}, [*map(str, deep)], [*map(str, level)]

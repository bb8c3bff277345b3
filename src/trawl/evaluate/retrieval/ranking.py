"""Scores rankings with the standard measures of retrieval.

Scores that agree to six decimals are ties, and among ties the wrong items rank first. So a metric
depends neither on the order of a table nor on names, and a model that scores everything alike earns
nothing. trec_eval (through ir_measures) computes what it defines; this file builds the ranking.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trawl.records.arrays import Indices

CUTOFFS = (1, 5, 10)
DEPTH = 50  # of a curve of recall at k
RECALLS = tuple(k / 10 for k in range(11))
_DECIMALS = 6
_LARGEST = 200_000  # answers


@dataclass(frozen=True, slots=True)
class RankingScores:
    """Holds the scores of one ranking, shares 0-1.

    Args:
        values: "recall_at_<k>", which is 1 if a right answer is among the first k,
            "precision_at_<k>", "ap" and "rr".
        success: (DEPTH,) recall at k = 1, 2, ...
        precision: (11,) the best precision at each of RECALLS or beyond.
        first: Rank of the first right answer from 1, or None if none is listed.
    """

    values: dict[str, float]
    success: NDArray[np.float64]
    precision: NDArray[np.float64]
    first: int | None


def ranked_order(scores: NDArray[np.floating[Any]], right: NDArray[Any]) -> Indices:
    """Return (N,) positions, best score first; among ties the less right first, then by position.

    >>> ranked_order(np.array([0.5, 0.9, 0.5]), np.array([True, False, False]))
    array([1, 2, 0])
    """
    return np.lexsort((right, -np.round(scores, _DECIMALS)))


def score_rankings(rankings: Sequence[tuple[Indices, int] | None]) -> list[RankingScores | None]:
    """Score each text's ranking.

    Args:
        rankings: For each text (R,) the positions of the listed right answers, from 0, increasing,
            and how many right answers exist, at least one. None for a text that is left out.
    """
    scores: list[RankingScores | None] = []
    for chunk in _chunks(rankings):
        scores += _judge(chunk)
    return scores


def _judge(rankings: Sequence[tuple[Indices, int] | None]) -> list[RankingScores | None]:
    from ir_measures import pytrec_eval

    measures, named, deep = _measures()
    ranked = {str(k): result for k, result in enumerate(rankings) if result is not None}
    qrels = {name: _relevant(*result) for name, result in ranked.items()}
    runs = {
        name: {str(k): -float(k) for k in range(_listed(places))}
        for name, (places, _) in ranked.items()
    }
    values: dict[str, dict[str, float]] = {name: {} for name in ranked}
    for result in pytrec_eval.evaluator(measures, qrels).iter_calc(runs) if ranked else ():
        values[result.query_id][str(result.measure)] = float(result.value)
    judged = {
        name: RankingScores(
            values={key: values[name][measure] for key, measure in named.items()},
            success=np.array([values[name][measure] for measure in deep]),
            precision=interpolated_precision(places, num_right),
            first=int(places[0]) + 1 if len(places) else None,
        )
        for name, (places, num_right) in ranked.items()
    }
    return [judged.get(str(k)) for k in range(len(rankings))]


def interpolated_precision(places: Indices, num_right: int) -> NDArray[np.float64]:
    """Return the best precision at any rank that reaches each of RECALLS, 0 if none does.

    trec_eval has it too (iprec_at_recall), but rounds the needed count in floating point: 0.7 of 3
    is 2.

    >>> interpolated_precision(np.array([0, 3]), 2).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5]
    """
    precision = np.arange(1, len(places) + 1) / (places + 1)
    from_here_on = np.append(
        np.maximum.accumulate(precision[::-1])[::-1], np.zeros(num_right - len(places))
    )
    tenths = np.arange(len(RECALLS))
    needed = np.maximum(-(-tenths * num_right // 10), 1)
    best: NDArray[np.float64] = from_here_on[needed - 1]
    return best


def _relevant(places: Indices, num_right: int) -> dict[str, int]:
    return {str(k): 1 for k in places} | {f"missed {k}": 1 for k in range(num_right - len(places))}


def _listed(places: Indices) -> int:
    """Return how much of a list must be scored: all up to the last right answer, at least one."""
    return int(places[-1]) + 1 if len(places) else 1


def _chunks(
    rankings: Sequence[tuple[Indices, int] | None],
) -> Iterator[Sequence[tuple[Indices, int] | None]]:
    """Split rankings so that each chunk is small: trec_eval needs a dict entry per listed item."""
    start, size = 0, 0
    for place, ranking in enumerate(rankings):
        if place > start and size > _LARGEST:
            yield rankings[start:place]
            start, size = place, 0
        size += _listed(ranking[0]) if ranking else 0
    yield rankings[start:]


def _measures() -> tuple[list[Any], dict[str, str], list[str]]:
    """Return trec_eval's measures, their names by our names, and their names at each depth."""
    from ir_measures import AP, RR, P, Success

    named = {f"recall_at_{k}": Success @ k for k in CUTOFFS} | {
        f"precision_at_{k}": P @ k for k in CUTOFFS[1:]
    }
    named |= {"ap": AP, "rr": RR}
    deep = [Success @ k for k in range(1, DEPTH + 1)]
    measures = {str(measure): measure for measure in (*named.values(), *deep)}
    return (
        list(measures.values()),
        {key: str(measure) for key, measure in named.items()},
        [str(measure) for measure in deep],
    )

"""Turns one value per text into metrics, over all texts and over each slice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trawl.records.truth import Metric, TruthQuery


@dataclass(frozen=True, slots=True)
class Column:
    """Holds one metric's values.

    Args:
        values: (Q,) float64, NaN where a text has no right answer.
        better: "higher" or "lower".
        over: How the values of a slice are combined.
    """

    name: str
    values: NDArray[np.float64]
    better: str = "higher"
    over: Callable[[NDArray[np.float64]], np.floating] = np.mean


def column(name: str, values: Sequence[Mapping[str, float] | None], key: str) -> Column:
    """Return the values under one key; NaN for texts without scores."""
    return Column(
        name, np.array([np.nan if scores is None else scores[key] for scores in values], np.float64)
    )


def rank_columns(prefix: str, first: Sequence[int | None]) -> list[Column]:
    """Return median and mean rank of the first right answer."""
    values = np.array([np.nan if rank is None else rank for rank in first], np.float64)
    return [
        Column(f"{prefix}_median_rank", values, "lower", np.median),
        Column(f"{prefix}_mean_rank", values, "lower", np.mean),
    ]


def slice_metrics(
    columns: Sequence[Column], queries: Sequence[TruthQuery], right: str
) -> list[Metric]:
    """Return every column over "all" and each slice, null where no text has a right answer.

    Args:
        right: A right answer in words: "right frame".
    """
    names = ["all", *sorted({name for query in queries for name in query.slices})]
    metrics = []
    for name in names:
        chosen = np.array([name == "all" or name in query.slices for query in queries], bool)
        metrics += [_metric(metric_column, name, chosen, right) for metric_column in columns]
    return metrics


def _metric(metric_column: Column, name: str, chosen: NDArray[np.bool_], right: str) -> Metric:
    values = metric_column.values[chosen]
    values = values[~np.isnan(values)]
    if len(values):
        value, why = float(metric_column.over(values)), ""
    else:
        value, why = (
            None,
            f"none of the {int(chosen.sum())} texts has a {right} in the evaluated videos",
        )
    return Metric(
        "retrieval",
        metric_column.name,
        value,
        slice=name,
        why=why,
        better=metric_column.better,
        count=len(values),
    )

"""Several evaluated runs side by side: where their settings differ, who is best at what, and which
of them are worth their cost.

Only facts, for the page, the terminal and the files that tell of them. A figure that a run does not
have stays missing; it is never a zero and never the best. Knows nothing of storage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trawl.compare.settings import Settings, differing, short, shown
from trawl.draw import measures
from trawl.errors import ConfigError, did_you_mean
from trawl.records.truth import Curve, Metric

_NOT_MEASURED = "not measured"
_LABEL_CHARS = 60


@dataclass(frozen=True, slots=True)
class Entrant:
    """One evaluated run.

    settings: by dotted name; see `comparison_settings`. conditions: what must be the same for
    figures to compare, such as {"publication": "3", "truth": "demo, part test"}.
    """

    run_id: str
    metrics: Sequence[Metric]
    settings: Settings
    conditions: Mapping[str, str]
    curves: Sequence[Curve] = ()


@dataclass(frozen=True, slots=True)
class Absentee:
    """A point of a sweep without figures. what: its settings as they were typed; why: it has none."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of all runs, in their order. values: None where a run has none, and then `whys`
    says why.

    best: places of the runs that are better than some other and beaten by none.
    """

    family: str
    name: str
    slice: str
    unit: str
    better: str
    values: tuple[float | None, ...]
    whys: tuple[str, ...]
    best: frozenset[int]


@dataclass(frozen=True, slots=True)
class Trade:
    """Quality against cost. quality, cost: the rows, None where no run has such a metric; front:
    places of the runs on the Pareto front, best quality first; note: what keeps runs from being
    placed, or empty.
    """

    quality: Row | None
    cost: Row | None
    front: tuple[int, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """differing: dotted names of the settings that are not the same in all runs. warnings: why
    figures may not compare.
    """

    entrants: tuple[Entrant, ...]
    differing: tuple[str, ...]
    rows: tuple[Row, ...]
    trade: Trade
    warnings: tuple[str, ...]
    absent: tuple[Absentee, ...] = field(default=())

    def label(self, place: int) -> str:
        """A run's number, from 1, and what sets it apart: its own settings where they are few, else
        its id.
        """
        settings = self.entrants[place].settings
        own = [
            f"{name} {shown(settings, full)}"
            for name, full in zip(short(self.differing), self.differing, strict=True)
        ]
        told = ", ".join(own)
        return (
            f"{place + 1}: {told if 0 < len(told) <= _LABEL_CHARS else self.entrants[place].run_id}"
        )


def compare(
    entrants: Sequence[Entrant],
    quality: str,
    cost: str,
    names: Sequence[str] = (),
    absent: Sequence[Absentee] = (),
) -> Comparison:
    """
    Args:
        entrants: in the order in which they are shown, each run once.
        quality, cost: metrics of the trade, as "name" or "family.name".
        names: metrics to show, in the same words; none: all.
        absent: points without figures.

    Raises:
        ConfigError: no run has a metric of one of the `names`.
    """
    rows = _rows(entrants)
    for name in names:
        if not any(_is(row, name) for row in rows):
            raise ConfigError(f"{name} is no metric of these runs: {_nearest(name, rows)}")
    chosen = [row for row in rows if not names or any(_is(row, name) for name in names)]
    return Comparison(
        entrants=tuple(entrants),
        differing=tuple(differing([entrant.settings for entrant in entrants])),
        rows=tuple(chosen),
        trade=_trade(rows, quality, cost),
        warnings=tuple(_incomparable(entrants)),
        absent=tuple(absent),
    )


def _rows(entrants: Sequence[Entrant]) -> list[Row]:
    found: dict[tuple[str, str, str], dict[int, Metric]] = {}
    for place, entrant in enumerate(entrants):
        for metric in entrant.metrics:
            found.setdefault((metric.family, metric.name, metric.slice), {})[place] = metric
    rows = [_row(key, metrics, len(entrants)) for key, metrics in found.items()]
    order = [*measures.FAMILIES, *(row.family for row in rows)]
    return sorted(rows, key=lambda row: order.index(row.family))


def _row(key: tuple[str, str, str], metrics: Mapping[int, Metric], runs: int) -> Row:
    one = next(iter(metrics.values()))
    values = tuple(metrics[place].value if place in metrics else None for place in range(runs))
    whys = tuple(metrics[place].why if place in metrics else _NOT_MEASURED for place in range(runs))
    return Row(*key, one.unit, one.better, values, whys, _best(values, one.better))


def _best(values: Sequence[float | None], better: str) -> frozenset[int]:
    """Nobody where all that have a value have the same, or only one has any: there is nothing to
    choose.
    """
    there = [value for value in values if value is not None]
    if better not in ("higher", "lower") or len(set(there)) < 2:
        return frozenset()
    top = max(there) if better == "higher" else min(there)
    return frozenset(place for place, value in enumerate(values) if value == top)


def _trade(rows: Sequence[Row], quality: str, cost: str) -> Trade:
    first, second = _find(rows, quality), _find(rows, cost)
    for setting, name, row in (("quality", quality, first), ("cost", cost, second)):
        if row is None:
            return Trade(
                first,
                second,
                (),
                f"{setting}={name} was not measured in these runs: {_nearest(name, rows)}",
            )
        if row.better not in ("higher", "lower"):
            return Trade(
                first, second, (), f"{setting}={name} has no better side: choose another metric"
            )
    assert first is not None and second is not None
    placed = [
        k
        for k, pair in enumerate(zip(first.values, second.values, strict=True))
        if None not in pair
    ]
    points = [(_upward(first, k), _upward(second, k)) for k in placed]
    left = [str(k + 1) for k in range(len(first.values)) if k not in placed]
    note = f"Without both figures, and so not placed: {', '.join(left)}" if left else ""
    return Trade(first, second, tuple(placed[k] for k in front(points)), note)


def _upward(row: Row, place: int) -> float:
    """The value, turned so that higher is better."""
    value = row.values[place]
    assert value is not None
    return value if row.better == "higher" else -value


def _find(rows: Sequence[Row], name: str) -> Row | None:
    return next((row for row in rows if row.slice == measures.ALL and _is(row, name)), None)


def _is(row: Row, name: str) -> bool:
    return name in (row.name, f"{row.family}.{row.name}")


def _nearest(name: str, rows: Sequence[Row]) -> str:
    there = {row.name for row in rows if row.slice == measures.ALL}
    return did_you_mean(name, there) if there else "they have none"


def _incomparable(entrants: Sequence[Entrant]) -> list[str]:
    """A line for each condition that is not the same for all."""
    lines = []
    for name in dict.fromkeys(name for entrant in entrants for name in entrant.conditions):
        by_value: dict[str, list[str]] = {}
        for place, entrant in enumerate(entrants):
            by_value.setdefault(entrant.conditions.get(name, "unknown"), []).append(str(place + 1))
        if len(by_value) > 1:
            told = "; ".join(
                f"{value} (run {', '.join(places)})" for value, places in by_value.items()
            )
            lines.append(f"these figures may not compare, for the {name} is not the same: {told}")
    return lines


def to_json(found: Comparison) -> dict[str, Any]:
    """All of it but the curves, as JSON can hold it."""
    trade = found.trade
    return {
        "runs": [
            {
                "number": place + 1,
                "run_id": entrant.run_id,
                "on_front": place in trade.front,
                "settings": {name: entrant.settings.get(name) for name in found.differing},
                "conditions": dict(entrant.conditions),
            }
            for place, entrant in enumerate(found.entrants)
        ],
        "quality": trade.quality.name if trade.quality else None,
        "cost": trade.cost.name if trade.cost else None,
        "front": [place + 1 for place in trade.front],
        "note": trade.note,
        "warnings": list(found.warnings),
        "absent": [{"what": one.what, "why": one.why} for one in found.absent],
        "metrics": [_row_json(row) for row in found.rows],
    }


def _row_json(row: Row) -> dict[str, Any]:
    own = {name: getattr(row, name) for name in ("family", "name", "slice", "unit", "better")}
    return own | {
        "values": row.values,
        "whys": row.whys,
        "best": sorted(place + 1 for place in row.best),
    }


Point = tuple[float, float]  # higher is better in both


def front(points: Sequence[Point]) -> list[int]:
    """Return the places of the points that no other point dominates, best in the first coordinate
    first.

    Equal points are all on it, or none is.

    >>> front([(0.5, 3.0), (0.9, 1.0), (0.4, 2.0), (0.9, 0.5)])
    [1, 0]
    """
    order = sorted(range(len(points)), key=lambda k: (-points[k][0], -points[k][1], k))
    kept: list[int] = []
    for k in order:
        if not kept or points[k][1] > points[kept[-1]][1] or points[k] == points[kept[-1]]:
            kept.append(k)
    return kept


def dominates(a: Point, b: Point) -> bool:
    """Whether `a` is at least as good in both and better in one."""
    return a[0] >= b[0] and a[1] >= b[1] and a != b

"""Plots of several runs: quality against cost with the Pareto front, and their curves over each
other.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from trawl.compare.comparison import Comparison, Row
from trawl.draw import measures, plots
from trawl.draw.plots import Key, Plot
from trawl.evaluate.page.curves import plot_lines, title_of
from trawl.records.truth import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ON, _OFF = 0, 5  # shades: of the front, and of what something beats
_SPAN = 20.0  # largest cost over smallest, from which the axis is logarithmic


def trade_plot(found: Comparison) -> Plot | None:
    """Each run as its number, where its cost and its quality put it; the front as a line.

    None without two runs to place.
    """
    quality, cost = found.trade.quality, found.trade.cost
    if quality is None or cost is None or not found.trade.front:
        return None
    places = [
        k for k in range(len(found.entrants)) if None not in (quality.values[k], cost.values[k])
    ]
    if len(places) < 2:
        return None
    title = f"{measures.name_of(quality.name)} against {measures.name_of(cost.name)}"
    words = "On the front, best first: " + "; ".join(
        _in_words(found, quality, cost, k) for k in found.trade.front
    )
    svg = plots.draw(
        lambda axes: _paint(axes, quality, cost, places, found.trade.front), title, words, "trade"
    )
    keys = (Key("on the Pareto front", _ON, "", "o"), Key("beaten by another run", _OFF, None, "o"))
    return Plot(title, svg, keys)


def curve_plots(found: Comparison) -> list[Plot]:
    """One drawing for each curve that at least two runs have, a line for each run."""
    by_curve: dict[tuple[str, str], list[Curve]] = {}
    for place, entrant in enumerate(found.entrants):
        for curve in entrant.curves:
            by_curve.setdefault((curve.kind, curve.name), []).append(
                replace(curve, name=found.label(place))
            )
    shared = [(kind, name, curves) for (kind, name), curves in by_curve.items() if len(curves) > 1]
    return [
        plot_lines(f"{title_of(kind)}: {name}", curves, f"curve-{n}")
        for n, (kind, name, curves) in enumerate(shared)
    ]


def _paint(
    axes: "Axes", quality: Row, cost: Row, places: Sequence[int], front: Sequence[int]
) -> None:
    xs, ys = [_value(cost, k) for k in front], [_value(quality, k) for k in front]
    on, off = plots.stand_in(_ON), plots.stand_in(_OFF)
    axes.plot(xs, ys, color=on, linewidth=1.4)
    for k in places:
        own = on if k in front else off
        axes.plot(
            [_value(cost, k)],
            [_value(quality, k)],
            marker="o",
            linestyle="",
            color=own,
            markersize=5,
        )
        at = (_value(cost, k), _value(quality, k))
        axes.annotate(
            str(k + 1), at, (4, 4), textcoords="offset points", fontsize=9, color=plots.INK
        )
    every = [_value(cost, k) for k in places]
    if min(every) > 0 and max(every) / min(every) > _SPAN:
        axes.set_xscale("log")
    axes.margins(0.12)
    axes.set(xlabel=_axis(cost), ylabel=_axis(quality))


def _axis(row: Row) -> str:
    name = ", ".join(
        filter(None, (measures.name_of(row.name), measures.unit_of(row.name, row.unit)))
    )
    return f"{name} {measures.arrow(row.better)}"


def _in_words(found: Comparison, quality: Row, cost: Row, place: int) -> str:
    own = f"{measures.name_of(quality.name)} {measures.number(_value(quality, place), quality.unit, quality.name)}"
    own += f", {measures.name_of(cost.name)} {measures.number(_value(cost, place), cost.unit, cost.name)}"
    return f"run {found.label(place)} with {own}"


def _value(row: Row, place: int) -> float:
    value = row.values[place]
    assert value is not None
    return value

"""Draws the curves of an evaluation: one plot per kind of curve.

Points without a value interrupt a line. A curve without any point is named below its plot and not
drawn.
"""

import textwrap
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from trawl.draw import plots
from trawl.draw.plots import Key, Plot
from trawl.records.truth import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {
    "precision_recall": "Precision over recall",
    "recall_at_k": "Recall at k",
    "hota_over_threshold": "HOTA over the threshold of localisation",
    "j_over_time": "J over time",
}
_FEW_POINTS = 12  # of a line whose points are marked
_RANKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_LABEL_CHARS = 32  # beside an axis
_LINES = 12  # in one drawing; more cannot be told apart


def plot_curves(curves: Sequence[Curve], prefix: str = "plot") -> list[Plot]:
    """Return one plot per kind, in the order of `TITLES` and then of appearance.

    Args:
        curves: Curves of any kinds, in the order of their lines.
        prefix: Prefix of the drawings' ids, unique in the page.
    """
    by_kind: dict[str, list[Curve]] = {kind: [] for kind in TITLES}
    for curve in curves:
        by_kind.setdefault(curve.kind, []).append(curve)
    groups = [(title_of(kind), group) for kind, group in by_kind.items() if group]
    return [plot_lines(title, group, f"{prefix}-{n}") for n, (title, group) in enumerate(groups)]


def title_of(kind: str) -> str:
    """Return the title of a kind of curve.

    >>> title_of("recall_at_k"), title_of("idf1_over_gap")
    ('Recall at k', 'Idf1 over gap')
    """
    return TITLES.get(kind) or kind.replace("_", " ").capitalize()


def plot_lines(title: str, curves: Sequence[Curve], ident: str) -> Plot:
    """Draw one or more curves that share their axes.

    Args:
        ident: Unique in the page; see `plots.draw`.
    """
    full = [curve for curve in curves if np.isfinite(curve.y).any()]
    shown, keys = full[:_LINES], [plots.key(n, curve.name) for n, curve in enumerate(full[:_LINES])]
    words = "; ".join(map(_in_words, shown)) or "No curve has a point."
    svg = plots.draw(lambda axes: _paint(axes, curves[0], shown, keys), title, words, ident)
    empty = [curve.name for curve in curves if not np.isfinite(curve.y).any()]
    notes = [f"Without a point: {', '.join(empty)}."] if empty else []
    notes += [f"{len(full) - _LINES} more are not drawn."] if len(full) > _LINES else []
    return Plot(title, svg, tuple(keys), " ".join(notes))


def _paint(axes: "Axes", first: Curve, curves: Sequence[Curve], keys: Sequence[Key]) -> None:
    for curve, look in zip(curves, keys, strict=True):
        marked = look.marker if len(curve.x) <= _FEW_POINTS else ""
        axes.plot(
            curve.x,
            curve.y,
            color=plots.stand_in(look.shade),
            linestyle=_dashes(look.dash),
            marker=marked,
        )
    axes.set(xlabel=_wrapped(first.x_label), ylabel=_wrapped(first.y_label))
    if all(_is_share(curve.y) for curve in curves):
        axes.set_ylim(-0.02, 1.02)
    if all(_is_share(curve.x) for curve in curves):
        axes.set_xlim(-0.02, 1.02)
    if first.kind == "recall_at_k" and curves:
        last = max(float(curve.x.max()) for curve in curves)
        ticks = [k for k in _RANKS if k <= last]
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{k:g}" for k in ticks])
        axes.minorticks_off()


def _wrapped(label: str) -> str:
    return textwrap.fill(label, _LABEL_CHARS)


def _is_share(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> bool:
    finite = values[np.isfinite(values)]
    return bool(((finite >= 0) & (finite <= 1)).all())


def _dashes(dash: str | None) -> str | tuple[int, tuple[float, ...]]:
    return (0, tuple(map(float, dash.split()))) if dash else "-"


def _in_words(curve: Curve) -> str:
    """Describe a line: where it starts and ends, and its highest point if that is neither."""
    finite = np.flatnonzero(np.isfinite(curve.y))
    first, last = finite[0], finite[-1]
    top = finite[np.argmax(curve.y[finite])]
    words = (
        f"{curve.name}: {curve.y_label} {curve.y[first]:.3g} at {curve.x_label} "
        f"{curve.x[first]:.3g}"
    )
    if curve.y[top] > max(curve.y[first], curve.y[last]):
        words += f", at most {curve.y[top]:.3g} at {curve.x[top]:.3g}"
    if any(b - a > 1 for a, b in pairwise(finite)):
        words += ", with gaps"
    return words + (f", {curve.y[last]:.3g} at {curve.x[last]:.3g}" if last > first else "")

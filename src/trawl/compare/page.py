"""The page of a comparison: which run to take, then every figure side by side, then the curves over
each other.

One HTML file that needs nothing else, in the manner of the page of an evaluation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trawl.compare.comparison import Comparison, Row
from trawl.compare.plots import curve_plots, trade_plot
from trawl.compare.settings import short, shown
from trawl.draw import measures
from trawl.evaluate.page.page import MISSING, environment


@dataclass(frozen=True, slots=True)
class About:
    """Describes what is compared.

    lead: one line below the title; facts: (label, value) for the foot.
    """

    title: str
    lead: str
    facts: Sequence[tuple[str, str]]


def render(about: About, found: Comparison) -> str:
    """The page as HTML."""
    trade, plot = found.trade, trade_plot(found)
    scales = [row for row in (trade.quality, trade.cost) if row is not None]
    html: str = (
        environment()
        .get_template("compare/comparison.html.j2")
        .render(
            about=about,
            warnings=found.warnings,
            absent=found.absent,
            settings=list(zip(short(found.differing), found.differing, strict=True)),
            scales=[_head(row) for row in scales],
            runs=[_run(found, place, scales) for place in range(len(found.entrants))],
            trade=[plot] if plot else [],
            note=trade.note,
            tables=[_table(title, rows) for title, rows in _by_family(found.rows)],
            plots=curve_plots(found),
        )
    )
    return html


def _run(found: Comparison, place: int, scales: Sequence[Row]) -> dict[str, Any]:
    entrant = found.entrants[place]
    return {
        "number": place + 1,
        "run_id": entrant.run_id,
        "front": place in found.trade.front,
        "settings": [shown(entrant.settings, name) for name in found.differing],
        "cells": [_cell(row, place, []) for row in scales],
    }


def _head(row: Row) -> dict[str, Any]:
    name = ", ".join(
        filter(None, (measures.name_of(row.name), measures.unit_of(row.name, row.unit)))
    )
    own = {"name": name, "arrow": measures.arrow(row.better), "better": row.better}
    return own | {"slice": row.slice if row.slice != measures.ALL else ""}


def _by_family(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.family, []).append(row)
    return [(measures.family_name(family), some) for family, some in found.items()]


def _table(title: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The figures of everything, and those of the slices for who wants to see them; each metric's
    slices together.
    """
    notes = list(dict.fromkeys(why for row in rows for why in row.whys if why))
    names = list(dict.fromkeys(row.name for row in rows))
    together = sorted(rows, key=lambda row: names.index(row.name))
    views = [
        _head(row) | {"cells": [_cell(row, k, notes) for k in range(len(row.values))]}
        for row in together
    ]
    return {
        "title": title,
        "rows": [view for view in views if not view["slice"]],
        "sliced": [view for view in views if view["slice"]],
        "notes": notes,
    }


def _cell(row: Row, place: int, notes: Sequence[str]) -> dict[str, Any]:
    value = row.values[place]
    if value is None:
        note = str(notes.index(row.whys[place]) + 1) if notes else ""
        return {"text": MISSING, "note": note, "best": False, "why": row.whys[place]}
    return {
        "text": measures.number(value, row.unit, row.name),
        "note": "",
        "best": place in row.best,
        "why": "",
    }

"""Renders the page of one evaluation: the worst cases in pictures, the metrics and the curves.

The page is one HTML file without scripts or network: pictures are JPEG in data URIs and plots are
inline SVG. A metric that cannot be computed is shown as a dash with its reason, never as zero.
Equal metrics give equal pages, except for the facts at the foot. Knows nothing of storage, of
decoding and of how a metric is computed.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trawl.draw import measures, plots
from trawl.draw.times import clock
from trawl.evaluate.page.cases import by_kind, title_of
from trawl.evaluate.page.curves import plot_curves
from trawl.records.truth import Case, Curve, Metric

MISSING = "—"


@dataclass(frozen=True, slots=True)
class ShownCase:
    """Holds a case and its picture.

    Args:
        picture: JPEG, or None if there is none.
        size: (width, height) of the picture in pixels.
        time_s: Time of the case's frame, None without a frame.
        note: Why there is no picture; "" for a case without a frame.
    """

    case: Case
    picture: bytes | None = None
    size: tuple[int, int] = (0, 0)
    time_s: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class EvaluationSummary:
    """Holds what the page says besides metrics.

    Args:
        lead: The line below the title.
        cases: Number of all cases, shown or not.
        objective: Name of the metric that comes first, or "".
        facts: (label, value) pairs for the foot.
    """

    title: str
    lead: str
    cases: int
    objective: str
    facts: Sequence[tuple[str, str]]


def render(
    about: EvaluationSummary,
    metrics: Sequence[Metric],
    curves: Sequence[Curve],
    shown: Sequence[ShownCase],
) -> str:
    """Return the page as HTML.

    Args:
        shown: The cases to show, in any order; see `cases.worst_first`.
    """
    headlines = measures.headlines(metrics, about.objective)
    html: str = (
        environment()
        .get_template("evaluate/page/evaluation.html.j2")
        .render(
            about=about,
            shown=len(shown),
            cases=_grouped(shown),
            headlines=[_figure(metric) for metric in headlines],
            tables=[_table(family, group) for family, group in measures.families(metrics).items()],
            plots=plot_curves(curves),
        )
    )
    return html


def environment() -> Any:
    """Return the template engine of the pages of metrics, which escapes everything."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("trawl", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals |= {
        "shades_light": plots.properties(dark=False),
        "shades_dark": plots.properties(dark=True),
    }
    return templates


def _grouped(shown: Sequence[ShownCase]) -> list[tuple[str, list[dict[str, Any]]]]:
    views = {id(item.case): _case(item) for item in shown}
    groups = by_kind([item.case for item in shown])
    return [(title_of(kind), [views[id(case)] for case in group]) for kind, group in groups.items()]


def _case(item: ShownCase) -> dict[str, Any]:
    """Return a case as the template's fields."""
    case = item.case
    time = clock(item.time_s) if item.time_s is not None else ""
    frame = f"frame {case.frame_index}" if case.frame_index is not None else ""
    object_words = f"object {case.object_id}" if case.object_id is not None else ""
    track = f"track {case.track_id}" if case.track_id is not None else ""
    place = " at ".join(part for part in (case.video_id or "", time or frame) if part)
    return {
        "text": case.text,
        "message": case.message,
        "where": " · ".join(
            part for part in (case.video_id or "", time, frame, object_words, track) if part
        ),
        "picture": f"data:image/jpeg;base64,{base64.b64encode(item.picture).decode()}"
        if item.picture
        else None,
        "size": item.size,
        "note": item.note,
        "alt": f"{place}: {title_of(case.kind).lower()}: {case.message}",
    }


def _figure(metric: Metric) -> dict[str, Any]:
    """Return a metric with a value as the template's fields."""
    assert metric.value is not None
    return {
        "name": measures.name_of(metric.name),
        "arrow": measures.arrow(metric.better),
        "better": metric.better,
        "value": measures.number(metric.value, metric.unit, metric.name),
        "unit": measures.unit_of(metric.name, metric.unit),
    }


def _table(family: str, metrics: Sequence[Metric]) -> dict[str, Any]:
    """Return a family as a table: a row per metric, a column per slice, and notes for null values."""
    notes = list(dict.fromkeys(metric.why for metric in metrics if metric.value is None))
    by_name: dict[str, dict[str, Metric]] = {}
    for metric in metrics:
        by_name.setdefault(metric.name, {})[metric.slice] = metric
    parts = [
        {"slices": columns, "rows": [_row(name, by_name[name], columns, notes) for name in names]}
        for names, columns in measures.tables(metrics)
    ]
    return {"title": measures.family_name(family), "parts": parts, "notes": notes}


def _row(
    name: str, by_slice: dict[str, Metric], columns: Sequence[str], notes: Sequence[str]
) -> dict[str, Any]:
    first = next(iter(by_slice.values()))
    all_metric = by_slice.get(measures.ALL)
    return {
        "name": measures.name_of(name),
        "unit": measures.unit_of(name, first.unit),
        "better": first.better,
        "arrow": measures.arrow(first.better),
        "cells": [_cell(by_slice[column], notes) for column in columns],
        "count": f"{all_metric.count:,}"
        if all_metric is not None and all_metric.count is not None
        else "",
    }


def _cell(metric: Metric, notes: Sequence[str]) -> dict[str, Any]:
    """Return a value, or a dash with the number of its reason."""
    if metric.value is None:
        return {"text": MISSING, "note": str(notes.index(metric.why) + 1), "count": metric.count}
    return {
        "text": measures.number(metric.value, metric.unit, metric.name),
        "note": "",
        "count": metric.count,
    }

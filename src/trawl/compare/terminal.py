"""A comparison in the terminal: the runs and what sets them apart, then their headline figures side
by side.

Names, settings and reasons are shown as they are, never read as markup.
"""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trawl.compare.comparison import Comparison, Row
from trawl.compare.settings import short, shown
from trawl.draw import measures
from trawl.records.truth import Metric


def comparison_tables(found: Comparison, all_metrics: bool) -> Iterator[RenderableType]:
    """Return the tables to print, in order.

    Args:
        all_metrics: every row there is, for who has chosen them; else the headline figures of
            everything.
    """
    for warning in found.warnings:
        yield Text(f"! {warning}", style="yellow")
    yield _runs(found)
    if found.trade.note:
        yield Text(found.trade.note, style="yellow")
    yield _figures(found, list(found.rows) if all_metrics else _headlines(found))
    for one in found.absent:
        yield Text.assemble(("without figures  ", "yellow"), f"{one.what}: {one.why}")


def _runs(found: Comparison) -> Group:
    trade = found.trade
    scales = [row for row in (trade.quality, trade.cost) if row is not None]
    table = _table("runs")
    for name in ("#", *short(found.differing)):
        table.add_column(Text(name), justify="right" if name == "#" else "left", overflow="fold")
    for row in scales:
        table.add_column(_name(row), justify="right", no_wrap=True)
    for name in ("front", "id"):
        table.add_column(name, no_wrap=name == "front", overflow="fold")
    for place, entrant in enumerate(found.entrants):
        settings = [Text(shown(entrant.settings, name)) for name in found.differing]
        front = Text("yes" if place in trade.front else "", style="green")
        cells = [_cell(row, place) for row in scales]
        table.add_row(str(place + 1), *settings, *cells, front, Text(entrant.run_id, style="dim"))
    return Group(
        table, *([] if found.differing else [Text("their settings are the same", style="dim")])
    )


def _figures(found: Comparison, rows: list[Row]) -> Group:
    table = _table("figures, the best of each in green")
    table.add_column("metric", no_wrap=True)
    for place in range(len(found.entrants)):
        table.add_column(str(place + 1), justify="right", no_wrap=True)
    for row in rows:
        name = (
            _name(row)
            if row.slice == measures.ALL
            else Text.assemble(_name(row), (f" {row.slice}", "dim"))
        )
        table.add_row(name, *(_cell(row, place) for place in range(len(row.values))))
    whys: dict[str, list[str]] = {}
    for row in rows:
        for why in dict.fromkeys(row.whys):
            if why:
                whys.setdefault(why, []).append(measures.name_of(row.name))
    told = [f"— {', '.join(dict.fromkeys(names))}: {why}" for why, names in whys.items()]
    return Group(table, *(Text(text, style="yellow") for text in told))


def _headlines(found: Comparison) -> list[Row]:
    """Those that any run has a value of, first the two that are traded."""
    known = {(row.family, row.name): row for row in found.rows if row.slice == measures.ALL}
    metrics = [
        Metric(row.family, row.name, _any_value(row))
        for row in known.values()
        if set(row.values) != {None}
    ]
    chosen = [row for row in (found.trade.quality, found.trade.cost) if row is not None]
    chosen += [known[metric.family, metric.name] for metric in measures.headlines(metrics)]
    return list(dict.fromkeys(chosen))


def _any_value(row: Row) -> float | None:
    return next(value for value in row.values if value is not None)


def _name(row: Row) -> Text:
    words = (
        measures.name_of(row.name),
        measures.unit_of(row.name, row.unit),
        measures.arrow(row.better),
    )
    return Text(" ".join(filter(None, words)))


def _cell(row: Row, place: int) -> Text:
    value = row.values[place]
    if value is None:
        return Text("—", style="yellow")
    return Text(
        measures.number(value, row.unit, row.name), style="bold green" if place in row.best else ""
    )


def _table(title: str) -> Table:
    return Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="dim",
    )

"""Prints an evaluation's headline metrics as a table in the terminal.

Names and reasons are shown as they are, never read as markup.
"""

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from trawl.draw import measures
from trawl.records.truth import Metric

_WIDTH = 79  # characters: as many slices are shown beside "all" as a narrow terminal has room for
_GAP = 2  # between columns
_REASONS = 5


def figures_table(title: str, metrics: Sequence[Metric], objective: str = "") -> Group:
    """Return a table with one row per headline metric, and the reasons of null metrics below.

    Args:
        objective: Name of the metric that comes first, or "".
    """
    headlines = measures.headlines(metrics, objective)
    by_key = {(metric.family, metric.name, metric.slice): metric for metric in metrics}
    named = {(metric.family, metric.name) for metric in headlines}
    names = {metric: _name(metric) for metric in headlines}
    room = _WIDTH - max((len(name) for name in names.values()), default=0)
    columns = _fitting(measures.slices(m for m in metrics if (m.family, m.name) in named), room)
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="dim",
    )
    table.add_column("metric")
    for column in columns:
        table.add_column(Text(column), justify="right", no_wrap=True)
    for metric in headlines:
        table.add_row(
            names[metric],
            *(_cell(by_key.get((metric.family, metric.name, column))) for column in columns),
        )
    return Group(table, *_missing(metrics))


def _name(metric: Metric) -> Text:
    name = Text(f"{measures.name_of(metric.name)} {measures.arrow(metric.better)}".strip())
    unit = measures.unit_of(metric.name, metric.unit)
    return Text.assemble(name, (f" {unit}", "dim")) if unit else name


def _fitting(columns: Sequence[str], room: int) -> list[str]:
    """Return the first column and as many of the following ones as fit."""
    fitting: list[str] = []
    for column in columns:
        width = max(len(column), len("-0.000")) + _GAP
        if fitting and width > room:
            break
        fitting.append(column)
        room -= width
    return fitting


def _cell(metric: Metric | None) -> Text:
    if metric is None:
        return Text("")
    return (
        Text("—", style="yellow")
        if metric.value is None
        else Text(measures.number(metric.value, metric.unit, metric.name))
    )


def _missing(metrics: Sequence[Metric]) -> list[Text]:
    """Return lines that name the null metrics over all queries, by reason."""
    by_why: dict[str, list[str]] = {}
    for metric in metrics:
        if metric.value is None and metric.slice == measures.ALL:
            by_why.setdefault(metric.why, []).append(measures.name_of(metric.name))
    lines = [f"— {', '.join(names)}: {why}" for why, names in list(by_why.items())[:_REASONS]]
    lines += [f"and {len(by_why) - _REASONS} more reasons"] if len(by_why) > _REASONS else []
    return [Text(line, style="yellow") for line in lines]

"""A sweep's points as a table in the terminal: what each gave, what it cost, and what it did not have to compute."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from trawl.pipelines.progress import format_s

_SAVED = {
    "clips": "clips",
    "frames_grounded": "frames grounded",
    "object_frames": "object-frames",
    "crops": "crops",
    "videos": "videos indexed",
}
_STYLE = {"done": "green", "failed": "red", "unusable": "red", "running": "yellow"}


def points_table(points: Sequence[Mapping[str, Any]]) -> Table:
    """One row per point, in order, and their sum.

    Args:
        points: as in points.json.
    """
    kinds = [kind for kind in _SAVED if any(point["saved"].get(kind) for point in points)]
    table = Table(box=None, pad_edge=False, header_style="dim", show_footer=True, footer_style="bold")
    table.add_column("point", footer="together", overflow="fold")
    table.add_column("outcome")
    table.add_column("objective", justify="right")
    table.add_column("wall", justify="right", footer=format_s(sum(point["seconds"] for point in points)))
    table.add_column("CPU s", justify="right", footer=f"{sum(point['cpu_s'] for point in points):,.1f}")
    saved_s = sum(point["saved"].get("cpu_s", 0.0) for point in points)
    table.add_column("saved CPU s", justify="right", footer=f"{saved_s:,.1f}")
    for kind in kinds:
        together = sum(point["saved"].get(kind, 0) for point in points)
        table.add_column(f"saved {_SAVED[kind]}", justify="right", footer=f"{together:,}")
    for point in points:
        table.add_row(*_row(point, kinds))
    return table


def _row(point: Mapping[str, Any], kinds: Sequence[str]) -> list[Text | str]:
    objective, saved = point["objective"], point["saved"]
    return [
        Text(" ".join(point["overrides"]) or "–"),
        Text(point["outcome"], _STYLE.get(point["outcome"], "")),
        "–" if objective is None else f"{objective:.4f}",
        format_s(point["seconds"]),
        f"{point['cpu_s']:,.1f}",
        f"{saved.get('cpu_s', 0.0):,.1f}",
        *(f"{saved.get(kind, 0):,}" for kind in kinds),
    ]

"""A sweep's points as a table in the terminal: what each gave, what it cost, and what it did not
have to compute.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from trawl.runtime.progress import format_s

_SAVED = {
    "clips": "clips",
    "frames_grounded": "frames",
    "object_frames": "object-frames",
    "crops": "crops",
    "videos": "videos",
}
_STYLE = {"done": "green", "failed": "red", "unusable": "red", "running": "yellow"}


def points_table(points: Sequence[Mapping[str, Any]]) -> Table:
    """One row per point, in order, and their sum.

    Args:
        points: as in points.json.
    """
    kinds = [kind for kind in _SAVED if any(point["saved"].get(kind) for point in points)]
    table = Table(
        box=None, pad_edge=False, header_style="dim", show_footer=True, footer_style="bold"
    )
    table.add_column("point", footer="together", no_wrap=True)
    table.add_column("outcome")
    table.add_column("objective", justify="right")
    table.add_column(
        "wall", justify="right", footer=format_s(sum(point["seconds"] for point in points))
    )
    table.add_column(
        "CPU s", justify="right", footer=f"{sum(point['cpu_s'] for point in points):,.1f}"
    )
    saved_s = sum(point["saved"].get("cpu_s", 0.0) for point in points)
    table.add_column("saved", justify="right", footer=f"{saved_s:,.1f}")
    for kind in kinds:
        together = sum(point["saved"].get(kind, 0) for point in points)
        table.add_column(_SAVED[kind], justify="right", footer=f"{together:,}")
    short = _short_names(points)
    for point in points:
        table.add_row(*_row(point, kinds, short))
    if kinds:
        table.caption = f"saved: CPU s not spent; {', '.join(_SAVED[kind] for kind in kinds)}: not computed again"
        table.caption_justify = "left"
    return table


def _short_names(points: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Each setting's last part, or all of it where two settings share that."""
    keys = {word.partition("=")[0] for point in points for word in point["overrides"]}
    last = Counter(key.rpartition(".")[2] for key in keys)
    return {
        key: (tail if last[tail] == 1 else key) for key in keys for tail in [key.rpartition(".")[2]]
    }


def _row(
    point: Mapping[str, Any], kinds: Sequence[str], short: Mapping[str, str]
) -> list[Text | str]:
    objective, saved = point["objective"], point["saved"]
    words = (word.partition("=") for word in point["overrides"])
    return [
        Text(" ".join(f"{short[key]}={value}" for key, _, value in words) or "–"),
        Text(point["outcome"], _STYLE.get(point["outcome"], "")),
        "–" if objective is None else f"{objective:.4f}",
        format_s(point["seconds"]),
        f"{point['cpu_s']:,.1f}",
        f"{saved.get('cpu_s', 0.0):,.1f}",
        *(f"{saved.get(kind, 0):,}" for kind in kinds),
    ]

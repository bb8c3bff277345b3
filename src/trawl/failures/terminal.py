"""Failed videos in the terminal: by reason with what to do about each, then one by one.

Names and messages are never markup.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table
from rich.text import Text

from trawl.failures.reasons import explain
from trawl.records.video import Status

_MESSAGE_CHARS = 300


@dataclass(slots=True)
class Group:
    """The videos of one reason. counts: by status; example: the name and message of the first."""

    reason: str | None
    example: str
    counts: Counter[str] = field(default_factory=Counter)


def groups(rows: Sequence[Mapping[str, Any]]) -> list[Group]:
    """rows: as schemas.FAILURES. The largest group first."""
    found: dict[str | None, Group] = {}
    for row in rows:
        group = found.setdefault(
            row["reason"], Group(row["reason"], f"{row['video_id']}: {row['message'] or ''}")
        )
        group.counts[row["status"]] += 1
    return sorted(found.values(), key=lambda group: (-group.counts.total(), str(group.reason)))


def group_table(found: Sequence[Group]) -> Table:
    """One row per reason: how many, what it means, what to do, an example."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 1, 0))
    table.add_column("reason", no_wrap=True)
    for name in ("failed", "quarantined", "retry"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("what it means, what to do, an example", overflow="fold")
    for group in found:
        told = explain(group.reason)
        text = Text.assemble(
            told.meaning, " ", (told.remedy, "bold"), "\n", (plain(group.example), "dim")
        )
        counts = (
            group.counts[status] for status in (Status.FAILED, Status.QUARANTINED, Status.RETRY)
        )
        table.add_row(
            Text(plain(group.reason or "unknown"), "red"),
            *(f"{n:,}" if n else "" for n in counts),
            text,
        )
    return table


def row_lines(rows: Sequence[Mapping[str, Any]]) -> Text:
    """Three lines per video, as schemas.FAILURES: its path, what became of it and in which run, the
    message.
    """
    lines = []
    for row in rows:
        tries = f"{row['attempts']} attempt{'' if row['attempts'] == 1 else 's'}"
        facts = [
            row["status"],
            tries,
            _size(row["size_bytes"]),
            f"{row['updated_at']:%Y-%m-%d %H:%M}",
        ]
        reason = (plain(row["reason"] or "unknown"), "red")
        told = (f"  {', '.join(facts)}, run {plain(row['run_id'])}\n", "dim")
        lines.append(
            Text.assemble(
                (plain(row["video_id"]), "bold"),
                "  ",
                reason,
                "\n",
                told,
                f"  {plain(row['message'] or '')}",
            )
        )
    return Text("\n").join(lines)


def _size(size_bytes: int) -> str:
    if size_bytes < 1000:
        return f"{size_bytes} byte{'' if size_bytes == 1 else 's'}"
    return f"{size_bytes / 1e3:,.0f} kB" if size_bytes < 1e6 else f"{size_bytes / 1e6:,.1f} MB"


def plain(text: str) -> str:
    """Cut to a readable length, and without what a terminal takes for a command: file names are not
    ours.

    >>> plain("a\\x1b[2Jb.mp4")
    'a\\\\x1b[2Jb.mp4'
    """
    cut = text if len(text) <= _MESSAGE_CHARS else text[: _MESSAGE_CHARS - 1] + "…"
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut
    )

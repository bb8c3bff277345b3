"""Failed videos in the terminal: by reason with what to do about each, then one by one. Names and messages are never markup."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table
from rich.text import Text

from trawl.records import Status
from trawl.report.reasons import explain

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
        group = found.setdefault(row["reason"], Group(row["reason"], f"{row['video_id']}: {row['message'] or ''}"))
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
        text = Text.assemble(told.meaning, " ", (told.remedy, "bold"), "\n", (plain(group.example), "dim"))
        counts = (group.counts[status] for status in (Status.FAILED, Status.QUARANTINED, Status.RETRY))
        table.add_row(Text(plain(group.reason or "unknown"), "red"), *(f"{n:,}" if n else "" for n in counts), text)
    return table


def row_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One row per video, as schemas.FAILURES."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("video", overflow="fold", ratio=3)
    table.add_column("reason", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for name in ("attempts", "MB"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("when", no_wrap=True)
    table.add_column("run", overflow="fold", ratio=2)
    table.add_column("message", overflow="fold", ratio=5)
    for row in rows:
        table.add_row(
            Text(plain(row["video_id"])),
            Text(plain(row["reason"] or "unknown"), "red"),
            str(row["status"]),
            str(row["attempts"]),
            f"{row['size_bytes'] / 1e6:,.1f}",
            f"{row['updated_at']:%Y-%m-%d %H:%M}",
            Text(plain(row["run_id"])),
            Text(plain(row["message"] or "")),
        )
    return table


def plain(text: str) -> str:
    """Cut to a readable length, and without what a terminal takes for a command: file names are not ours.

    >>> plain("a\\x1b[2Jb.mp4")
    'a\\\\x1b[2Jb.mp4'
    """
    cut = text if len(text) <= _MESSAGE_CHARS else text[: _MESSAGE_CHARS - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)

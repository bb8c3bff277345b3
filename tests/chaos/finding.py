"""What one kind of trouble showed, as a row of docs/reliability.md that the next run of the same
kind replaces.
"""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

START, END = "<!-- written by tests/chaos -->\n", "<!-- end -->\n"
_HEAD = "| name | what was done | what came of it | held | when, on |\n|---|---|---|---|---|\n"


@dataclass(frozen=True, slots=True)
class Finding:
    """name: of this row for good. done: with its counts. figure: with its unit. held: whether the
    promise was kept; None where so little was done that its ratio says nothing.
    """

    name: str
    done: str
    figure: str
    held: bool | None

    def row(self) -> str:
        """A row of the table."""
        memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        machine = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {memory_gib:.0f} GiB"
        held = {True: "yes", False: "**no**", None: "too little to say"}[self.held]
        return f"| `{self.name}` | {self.done} | {self.figure} | {held} | {machine} |"


def write(page: Path, findings: list[Finding], order: list[str]) -> None:
    """Replace the rows of these findings in the page's table; the rows of others stay.

    Args:
        order: the first part of names, up to the dot, in the order in which they stand.
    """
    text = page.read_text()
    before, _, rest = text.partition(START)
    table, _, after = rest.partition(END)
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `([\w.]+)` \|.*$", table, re.M)}
    for kind in {finding.name.partition(".")[0] for finding in findings}:
        rows.pop(f"{kind}.broken", None)  # of a run before this one
    rows |= {finding.name: finding.row() for finding in findings}
    ordered = sorted(rows, key=lambda name: (order.index(name.partition(".")[0]), name))
    page.write_text(
        before + START + _HEAD + "".join(f"{rows[name]}\n" for name in ordered) + END + after
    )

"""Writes CSV that is safe to open in a spreadsheet.

Spreadsheets run a cell that begins like a formula. Names of videos, phrases and settings come from
outside, so a text that begins like one gets a leading quote.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(header: Sequence[str], rows: Iterable[Iterable[Any]]) -> bytes:
    """Return a CSV file of a header and rows, every text in it guarded."""
    sink = io.StringIO(newline="")
    writer = csv.writer(sink)
    writer.writerow(map(guarded, header))
    writer.writerows(map(guarded, row) for row in rows)
    return sink.getvalue().encode()


def guarded(value: Any) -> Any:
    """Return a text with a leading quote if it begins like a formula, else the value itself.

    >>> guarded("=1+1"), guarded("a red star"), guarded(-1)
    ("'=1+1", 'a red star', -1)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value

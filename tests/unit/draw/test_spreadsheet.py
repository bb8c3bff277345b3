"""Cells that begin like a formula are texts, and CSV quotes what it must."""

import csv
import io

import pytest

from trawl.draw.spreadsheet import guarded, to_csv


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_begins_like_a_formula_gets_a_quote(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a-b", "", None, -1, 0.5, True])
def test_other_values_stay(value: object) -> None:
    assert guarded(value) is value


def test_commas_quotes_and_line_ends_read_back() -> None:
    data = to_csv(["name", "=x"], [["a,b", -1.5], ['"c"\nd', None], ["=1", "é"]])
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert rows == [["name", "'=x"], ["a,b", "-1.5"], ['"c"\nd', ""], ["'=1", "é"]]

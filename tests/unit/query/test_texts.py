"""The texts of a query job, from the command line or a file."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trawl.errors import ConfigError
from trawl.query.texts import parse_texts, read_texts


def parquet(**columns: list[str]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("q.txt", "a red star\n\n  \n紅い星\n".encode()),
        ("q.csv", '﻿id,text\n1,a red star\n2,"紅い星"\n'.encode()),
        ("q.json", '["a red star", "紅い星"]'.encode()),
        ("q.JSON", '[{"text": "a red star"}, {"text": "紅い星", "id": 2}]'.encode()),
        ("q.parquet", parquet(text=["a red star", "紅い星"])),
        ("queries", "a red star\r\n紅い星".encode()),
    ],
    ids=["lines", "csv", "json of texts", "json of objects", "parquet", "no suffix"],
)
def test_files(name: str, data: bytes) -> None:
    assert parse_texts(name, data) == ["a red star", "紅い星"]


@pytest.mark.parametrize(
    ("name", "data", "hint"),
    [
        ("q.csv", b"query\na\n", "no column text"),
        ("q.parquet", parquet(query=["a"]), "no column text"),
        ("q.json", b'[{"query": "a"}]', "no column text"),
        ("q.json", b"{", "cannot be read"),
        ("q.parquet", b"text", "cannot be read"),
        ("q.txt", b"\xff\xfe\x00", "cannot be read"),
    ],
    ids=["csv", "parquet", "json", "broken json", "broken parquet", "not utf-8"],
)
def test_bad_files_are_one_line(name: str, data: bytes, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint) as caught:
        parse_texts(name, data)
    assert "\n" not in str(caught.value)


def test_spaces_and_repetitions_go(tmp_path: Path) -> None:
    file = tmp_path / "q.txt"
    file.write_text("a  red star\na red star\nb\n")
    assert read_texts(None, str(file)) == ["a red star", "b"]


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        (None, None),
        ("a", "b"),
        ("", None),
        (" \n", None),
        (None, "/nowhere/q.txt"),
        (None, "nope://x/q.txt"),
    ],
    ids=["neither", "both", "empty", "blank", "no file", "no such scheme"],
)
def test_bad_settings_are_one_line(text: str | None, queries: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        read_texts(text, queries)
    assert "\n" not in str(caught.value)


def test_a_file_without_texts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text("\n\n")
    with pytest.raises(ConfigError, match="holds no text"):
        read_texts(None, str(tmp_path / "q.txt"))

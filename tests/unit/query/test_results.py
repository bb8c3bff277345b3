"""A query's answer as files."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from trawl.config.data import StorageConfig
from trawl.query.results import new_folder, slug, to_table, write
from trawl.records.search import Answer, Segment, Source
from trawl.schemas import RESULTS
from trawl.storage import Storage

NOW = datetime(2026, 11, 21, 9, 5, 7, tzinfo=UTC)
NAME = '=HYPERLINK("x")/ü, "y".mp4'


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.open(StorageConfig(root=str(tmp_path)))


def answers() -> list[Answer]:
    segments = [
        Segment(NAME, 1.0, 2.5, 0.75, 45, 1.5, 3),
        Segment("b.mp4", 0.0, 1.0, 0.5, 0, 0.0, 1),
    ]
    return [
        Answer("a red star", 0.1, segments),
        Answer("nothing", 0.1, []),
        Answer("紅い星", 0.1, segments[:1]),
    ]


SOURCES = {NAME: Source("/x/ü.mp4", "f1", 9.0), "b.mp4": Source("s3://b/b.mp4", "f2", 9.0)}


def test_one_row_per_segment_ranked_within_its_query() -> None:
    table = to_table(answers(), SOURCES, "recipe")
    assert table.schema.equals(RESULTS, check_metadata=True)
    rows = table.to_pylist()
    assert [(row["query"], row["rank"], row["video_id"]) for row in rows] == [
        ("a red star", 1, NAME),
        ("a red star", 2, "b.mp4"),
        ("紅い星", 1, NAME),
    ]
    assert (rows[1]["uri"], rows[1]["fingerprint"], rows[1]["recipe"]) == (
        "s3://b/b.mp4",
        "f2",
        "recipe",
    )


def test_three_files_with_the_same_rows(storage: Storage) -> None:
    table = to_table(answers(), SOURCES, "recipe")
    write(storage, "demo/queries/q", table, {"index": {"number": 3}})
    files = {
        kind: storage.read_bytes(f"demo/queries/q/results.{kind}")
        for kind in ("parquet", "json", "csv")
    }
    assert pq.read_table(io.BytesIO(files["parquet"])).equals(table)
    content = json.loads(files["json"])
    assert content["index"] == {"number": 3} and content["results"] == table.to_pylist()
    rows = list(csv.DictReader(io.StringIO(files["csv"].decode())))
    assert [row["query"] for row in rows] == table["query"].to_pylist()
    assert rows[0]["video_id"] == f"'{NAME}", "a spreadsheet must not run a video's name"
    assert float(rows[0]["score"]) == 0.75


def test_an_answer_without_segments_is_a_table_without_rows(storage: Storage) -> None:
    table = to_table([Answer("x", 0.0, [])], {}, "recipe")
    write(storage, "q", table, {})
    assert table.num_rows == 0 and json.loads(storage.read_bytes("q/results.json"))["results"] == []


def test_two_queries_in_one_second_have_two_folders(storage: Storage) -> None:
    first, second = (new_folder(storage, "demo", ["a red star"], NOW) for _ in range(2))
    assert first == "demo/queries/20261121T090507Z-a-red-star"
    assert second == f"{first}-2"
    assert storage.read_bytes(f"{first}/queries.txt") == b"a red star\n"


def test_a_list_of_queries_says_how_many(storage: Storage) -> None:
    assert new_folder(storage, "demo", ["a", "b", "c"], NOW).endswith("Z-a-and-2-more")


@pytest.mark.parametrize(
    "text", ["../../etc/passwd", "a" * 500, "a/b\\c:d", " . ", "🌟", "CON", "<script>"]
)
def test_a_slug_is_safe_in_any_path(text: str) -> None:
    made = slug(text)
    assert 0 < len(made) <= 40 and set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")

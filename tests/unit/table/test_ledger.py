"""One row per video, merged by its id."""

import pyarrow as pa
import pytest

from tests.unit.table.conftest import Index, ledger_row
from trawl.errors import ConfigError, StorageError
from trawl.schemas import VIDEOS
from trawl.storage import Storage
from trawl.table import publish
from trawl.table.ledger import Ledger, open_ledger


def table(*rows: dict) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=VIDEOS)


def test_rows_are_merged_by_video(storage: Storage) -> None:
    ledger = open_ledger(storage.table_uri("d", "r", "videos"), storage.lance_options)
    assert ledger.indexed() == (0, 0)
    ledger = ledger.upsert(table(ledger_row("a", 3), ledger_row("it's", 2)))
    failed = ledger_row("b", 0, "failed", reason="truncated", attempts=1)
    ledger = ledger.upsert(table(ledger_row("a", 5), failed))
    assert ledger.indexed() == (2, 7)
    assert ledger.counts() == {("indexed", None): 2, ("failed", "truncated"): 1}
    assert ledger.read("status = 'failed'", ["video_id", "attempts"]).to_pylist() == [
        {"video_id": "b", "attempts": 1}
    ]
    again = ledger.upsert(table(ledger_row("a", 5), failed))
    assert again.counts() == ledger.counts()
    assert again.upsert(table()).version == again.version


def test_a_ledger_keeps_reading_its_version(storage: Storage) -> None:
    ledger = open_ledger(storage.table_uri("d", "r", "videos"), storage.lance_options)
    first = ledger.upsert(table(*(ledger_row(f"{n}", 1) for n in range(5))))
    before = [batch.to_pylist() for batch in first.batches(["video_id"])]
    first.upsert(table(ledger_row("9", 1), ledger_row("0", 2))).forget(["1"])
    assert [batch.to_pylist() for batch in first.batches(["video_id"])] == before
    newest = open_ledger(storage.table_uri("d", "r", "videos"), storage.lance_options)
    assert sorted(newest.read(columns=["video_id"])["video_id"].to_pylist()) == [
        "0",
        "2",
        "3",
        "4",
        "9",
    ]


def test_the_schema_is_the_declared_one(local_index: Index) -> None:
    local_index.tell({"a": 1})
    held = local_index.ledger.read()
    assert held.schema.names == VIDEOS.names
    assert held.schema.types == VIDEOS.types


def test_removed_rows_keep_what_the_video_was(local_index: Index) -> None:
    row = ledger_row("it's", 3, codec="h264", reason=None, run_id="before")
    ledger = local_index.ledger.upsert(table(row, ledger_row("other", 1)))
    (gone,) = ledger.removed(["it's", "unknown"], "now")
    assert (gone["status"], gone["frames_embedded"], gone["run_id"], gone["codec"]) == (
        "removed",
        0,
        "now",
        "h264",
    )
    ledger = ledger.upsert(table(gone))
    assert ledger.indexed() == (1, 1)
    assert ledger.removed([], "now") == []


def test_two_writers_do_not_double_a_video(local_index: Index) -> None:
    """One committer is the rule; two must still not break the table."""
    from concurrent.futures import ThreadPoolExecutor

    names = [f"{n}" for n in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: local_index.tell(dict.fromkeys(names, n)), range(1, 5)))
    assert local_index.ledger.read(columns=["video_id"]).num_rows == len(names)


def test_an_answer_that_is_lost_twice_costs_no_row_and_doubles_none(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, merge, lost = storage.table_uri("cats", "r", "videos"), Ledger._merge, [1, 2]

    def forgetful(self: Ledger, rows: pa.Table) -> None:
        merge(self, rows)
        if lost:
            lost.pop()
            raise OSError("LanceError(IO): connection reset")

    monkeypatch.setattr(Ledger, "_merge", forgetful)
    ledger = open_ledger(uri, storage.lance_options).upsert(
        table(ledger_row("a", 1), ledger_row("b", 2))
    )
    assert sorted(ledger.read()["video_id"].to_pylist()) == ["a", "b"]
    lost += [1, 2, 3]
    with pytest.raises(StorageError):
        ledger.upsert(table(ledger_row("c", 1)))


def test_a_column_that_may_be_null_is_added_to_a_ledger_that_is_there(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade of Trawl indexes nothing anew for it, and what is published stays as it was."""
    index.index({"a": 3})
    shown = publish.publish(index.storage, "cats", index.recipe, None)
    monkeypatch.setattr(
        "trawl.table.ledger.VIDEOS", VIDEOS.append(pa.field("language", pa.string()))
    )
    row = ledger_row("b", 1, language="it")
    ledger = index.ledger.upsert(
        pa.Table.from_pylist([row], schema=VIDEOS.append(pa.field("language", pa.string())))
    )
    languages = ledger.read(columns=["video_id", "language"]).to_pylist()
    assert sorted(languages, key=str) == [
        {"video_id": "a", "language": None},
        {"video_id": "b", "language": "it"},
    ]
    _, videos = publish.open_tables(index.storage, "cats", shown)
    assert "language" not in videos.schema.names
    assert index.ledger.version == ledger.version, "added once"


@pytest.mark.parametrize(
    "schema",
    [
        VIDEOS.append(pa.field("language", pa.string(), nullable=False)),
        VIDEOS.remove(VIDEOS.get_field_index("fps")),
    ],
    ids=["new", "gone"],
)
def test_a_ledger_of_another_trawl_is_refused_and_left_as_it_is(
    schema: pa.Schema, local_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_index.index({"a": 3})
    version = local_index.ledger.version
    with monkeypatch.context() as patch:
        patch.setattr("trawl.table.ledger.VIDEOS", schema)
        with pytest.raises(
            ConfigError, match=r"another version of Trawl \(columns that differ: (language|fps)\)"
        ):
            _ = local_index.ledger
    assert local_index.ledger.version == version

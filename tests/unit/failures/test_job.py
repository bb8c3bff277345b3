"""The failures job over ledgers that are written by hand; `tests/pipelines/test_failures_job.py`
has real ones.
"""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from tests.unit.table.conftest import RECIPE, Index, ledger_row
from trawl import cli
from trawl.config.data import StorageConfig
from trawl.config.jobs import FailuresConfig
from trawl.errors import ConfigError, IndexMissingError, LeaseError, StorageError
from trawl.failures.job import FailuresOutcome, run
from trawl.records.video import Recipe
from trawl.schemas import FAILURES, VIDEOS
from trawl.storage import Storage
from trawl.storage.lease import hold
from trawl.table import frames, publish
from trawl.table.ledger import open_ledger


def failures(
    files: StorageConfig, *overrides: str, console: Console | None = None
) -> FailuresOutcome:
    base = [
        "+dataset=folder",
        "dataset.uri=/nowhere",
        "dataset.name=cats",
        f"storage.root={files.root}",
    ]
    base += [f"storage.endpoint={files.endpoint or 'null'}", "lease_s=1"]
    return run(
        cli.compose("failures", FailuresConfig, [*base, *overrides]), console or Console(quiet=True)
    )


def tell(storage: Storage, recipe: str, *rows: dict[str, Any]) -> None:
    ledger = open_ledger(storage.table_uri("cats", recipe, "videos"), storage.lance_options)
    ledger.upsert(pa.Table.from_pylist(list(rows), schema=VIDEOS))


def state(index: Index) -> dict[str, tuple[str, str | None, int]]:
    rows = index.ledger.read(columns=["video_id", "status", "reason", "attempts"]).to_pylist()
    return {row["video_id"]: (row["status"], row["reason"], row["attempts"]) for row in rows}


BAD = ledger_row(
    "cam/bad one.mp4", 0, "failed", reason="corrupt", attempts=1, message="=1+1", run_id="monday"
)


@pytest.fixture
def index(storage: Storage) -> Index:
    """Two indexed videos and one that failed, published; on a disk and on S3."""
    made = Index(storage)
    made.index({"a.mp4": 3, "b.mp4": 2})
    tell(storage, RECIPE.key, BAD)
    publish.publish(storage, "cats", RECIPE, None)
    return made


@pytest.fixture
def local_index(local_storage: Storage) -> Index:
    return Index(local_storage)


def test_listing_writes_nothing_but_the_file_that_is_asked_for(
    index: Index, storage_config: StorageConfig, tmp_path: Path
) -> None:
    version = index.ledger.version
    found = failures(storage_config)
    assert (found.recipe, found.changed, found.rows["video_id"].to_pylist()) == (
        RECIPE.key,
        [],
        ["cam/bad one.mp4"],
    )
    assert index.ledger.version == version
    assert not index.storage.names("cats/lease"), "reading waits for nobody"
    for form in ("parquet", "csv", "json"):
        failures(storage_config, f"out={index.storage.uri('lists', 'f.' + form)}")
    assert (
        pq.read_table(io.BytesIO(index.storage.read_bytes("lists/f.parquet")))
        .cast(FAILURES)
        .equals(found.rows)
    )
    (row,) = csv.DictReader(io.StringIO(index.storage.read_bytes("lists/f.csv").decode()))
    assert (row["video_id"], row["message"]) == ("cam/bad one.mp4", "'=1+1"), (
        "a spreadsheet runs no cell"
    )
    told = json.loads(index.storage.read_bytes("lists/f.json"))
    assert (told["recipe"], told["results"][0]["run_id"]) == (RECIPE.key, "monday")
    assert datetime.fromisoformat(told["results"][0]["updated_at"]).tzinfo == UTC


def test_quarantine_takes_the_rows_and_release_asks_for_them(
    index: Index, storage_config: StorageConfig
) -> None:
    assert failures(storage_config, "quarantine=a.mp4").changed == ["a.mp4"]
    assert index.held() == {("b.mp4", 0): 2}
    assert state(index)["a.mp4"] == ("quarantined", "set_aside", 0)
    assert publish.latest(index.storage, "cats").num_videos == 2, (
        "queries go on reading what is published"
    )
    assert publish.publish(index.storage, "cats", RECIPE, None).num_videos == 1
    assert failures(storage_config, "release=a.mp4").changed == ["a.mp4"]
    assert state(index)["a.mp4"] == ("retry", "set_aside", 0)
    assert state(index)["b.mp4"] == ("indexed", None, 0)


def test_a_quarantine_that_was_killed_half_way_is_completed_by_the_next_publication(
    index: Index, storage_config: StorageConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(frames, "commit", die)
        with pytest.raises(KeyboardInterrupt):
            failures(storage_config, "quarantine=a.mp4")
    assert index.held() == {("a.mp4", 0): 3, ("b.mp4", 0): 2}
    publish.publish(index.storage, "cats", RECIPE, None)
    assert index.held() == {("b.mp4", 0): 2}
    assert state(index)["a.mp4"] == ("quarantined", "set_aside", 0)


@pytest.mark.parametrize("request_", ["retry=failed", "quarantine=**", "release=x.mp4"])
def test_a_dry_run_changes_nothing(
    index: Index, storage_config: StorageConfig, request_: str
) -> None:
    tell(
        index.storage,
        RECIPE.key,
        ledger_row("x.mp4", 0, "quarantined", reason="corrupt", attempts=3),
    )
    before = state(index), index.held()
    assert failures(storage_config, request_, "dry_run=true").changed
    assert (state(index), index.held()) == before


def test_writing_waits_for_the_dataset_to_be_free(
    index: Index, storage_config: StorageConfig
) -> None:
    before = state(index)
    with (
        hold(index.storage, "cats", "jobs.index", 1.0),
        pytest.raises(LeaseError, match=r"is held by jobs\.index"),
    ):
        failures(storage_config, "retry=failed")
    assert state(index) == before
    assert failures(storage_config, "retry=failed").changed == ["cam/bad one.mp4"]


def test_which_ledger(storage_config: StorageConfig, storage: Storage) -> None:
    storage.check(write=True)  # makes a local root
    with pytest.raises(IndexMissingError, match=r"nothing was indexed yet under .*/cats"):
        failures(storage_config)
    old, new = RECIPE, Recipe({"model": "other"}, {}, "auto")
    tell(
        storage,
        new.key,
        ledger_row(
            "n.mp4", 0, "failed", reason="corrupt", updated_at=datetime(2026, 2, 2, tzinfo=UTC)
        ),
    )
    tell(
        storage,
        old.key,
        ledger_row(
            "o.mp4", 0, "failed", reason="corrupt", updated_at=datetime(2026, 1, 1, tzinfo=UTC)
        ),
    )
    assert failures(storage_config).recipe == new.key, "the one last worked on"
    Index(storage).index({"a.mp4": 1})
    publish.publish(storage, "cats", old, None)
    assert failures(storage_config).recipe == old.key, "the one that is published"
    named = failures(storage_config, f"recipe={new.key}")
    assert (named.recipe, named.rows["video_id"].to_pylist()) == (new.key, ["n.mp4"])
    with pytest.raises(ConfigError, match=f"recipe=nosuch was never indexed: .*{new.key}"):
        failures(storage_config, "recipe=nosuch")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["retry=failed", "release=a.mp4"], r"^retry and release in one command"),
        (["out=list.txt"], r"out=list\.txt must end with one of: \.parquet, \.json, \.csv"),
        (["out=s3://list.csv"], r"must be a file in a bucket or a folder"),
        (["reason=corupt"], r"reason=corupt is unknown; did you mean 'corrupt'"),
        (["status=indexed"], r"status=indexed is not known"),
    ],
)
def test_mistakes_are_one_line_before_anything_is_read(
    tmp_path: Path, overrides: list[str], message: str
) -> None:
    files = StorageConfig(root=str(tmp_path / "nowhere"))
    with pytest.raises((ConfigError, StorageError), match=message) as caught:
        failures(files, *overrides)
    assert "\n" not in str(caught.value)


def test_the_terminal_tells_what_is_left_out_and_how_to_see_it(
    local_index: Index, local_storage: Storage
) -> None:
    rows = [
        ledger_row(f"{n:02}.mp4", 0, "failed", reason="corrupt", attempts=1, message=f"m{n}")
        for n in range(9)
    ]
    tell(local_storage, RECIPE.key, *rows)
    sink = io.StringIO()
    failures(
        StorageConfig(root=local_storage.root), "rows=2", console=Console(file=sink, width=200)
    )
    text = sink.getvalue()
    assert "9 failed" in text and RECIPE.key in text and "Get another copy" in text
    assert "01.mp4" in text and "02.mp4" not in text
    assert "7 are not shown" in text


def test_no_failures_is_an_answer(local_index: Index, local_storage: Storage) -> None:
    local_index.index({"a.mp4": 1})
    sink = io.StringIO()
    console = Console(file=sink, width=200)
    assert failures(StorageConfig(root=local_storage.root), console=console).rows.num_rows == 0
    assert "1 indexed" in sink.getvalue() and "none" in sink.getvalue()

"""run.json: what is written reads back, and what cannot be read is one line."""

import json
from typing import Any

import pytest

from trawl.errors import RunError
from trawl.index.record import RunRecord
from trawl.runtime import run_file
from trawl.runtime.run_file import SavedRun
from trawl.storage import Storage
from trawl.track.record import TrackRecord


def test_a_tracking_run_reads_back() -> None:
    record = TrackRecord("r1", {"limit": 3}, ["a cat"], recipe="abc", published=4)
    record.counts["frames"] += 7
    record.cpu_s["decode"] = 1.5
    run = SavedRun.of(json.loads(record.to_json()))
    assert (run.job, run.run_id, run.texts, run.recipe) == ("track", "r1", ("a cat",), "abc")
    assert (run.config, run.counts, run.cpu_s) == ({"limit": 3}, {"frames": 7}, {"decode": 1.5})
    assert run.published == 4 and run.started_at == record.started_at.isoformat()


def test_an_index_run_reads_back() -> None:
    record = RunRecord({"dry_run": False})
    run = SavedRun.of(json.loads(record.to_json()))
    assert (run.job, run.run_id, run.config) == ("index", record.run_id, {"dry_run": False})
    assert run.wall_s is not None and run.seconds is not None


def test_a_file_says_its_schema() -> None:
    assert json.loads(TrackRecord("r", {}).to_json())["schema_version"] == 1


def test_a_file_of_an_earlier_trawl_is_read() -> None:
    assert SavedRun.of({"run_id": "r", "texts": ["x"], "peak_mb": None}) == SavedRun(
        run_id="r", texts=("x",)
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "no JSON object"),
        ({"schema_version": 2}, "newer Trawl"),
        ({"schema_version": "one"}, "damaged: schema_version is 'one'"),
        ({"schema_version": True}, "damaged: schema_version is True"),
        ({"schema_version": 0}, "damaged: schema_version is 0"),
        ({"cpu_s": [1]}, "cpu_s is list"),
        ({"wall_s": "long"}, "wall_s is str"),
        ({"wall_s": True}, "wall_s is bool"),
        ({"texts": "a cat"}, "texts is str"),
        ({"run_id": 7}, "run_id is int"),
    ],
)
def test_what_is_no_run_is_one_line(content: Any, message: str) -> None:
    with pytest.raises(RunError, match=message):
        SavedRun.of(content)


def test_what_is_no_json_names_the_file(storage: Storage) -> None:
    storage.write_bytes(run_file.name_of("cats", "r"), b"{")
    with pytest.raises(RunError, match=r"cats/runs/r/run.json is damaged"):
        run_file.read(storage, "cats", "r")
    assert list(run_file.earlier_index_runs(storage, "cats")) == []


def test_a_run_without_the_file_is_none(storage: Storage) -> None:
    assert run_file.read(storage, "cats", "r") is None

"""Lines of the log: what is in them, when they are put, and what becomes of them when something
fails.
"""

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from trawl.config.data import StorageConfig
from trawl.errors import StorageError
from trawl.runtime import journal as module
from trawl.runtime.journal import journal
from trawl.storage import Storage

log = logging.getLogger("trawl.somewhere")
FOLDER = "cams/runs/r1"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.open(StorageConfig(root=str(tmp_path)))


def tell(event: str, level: int = logging.INFO, **fields: Any) -> None:
    log.log(level, event, extra={"fields": fields})


def lines(storage: Storage, name: str = "log.jsonl", folder: str = FOLDER) -> list[dict[str, Any]]:
    text = storage.read_bytes(f"{folder}/{name}").decode()
    return [json.loads(line) for line in text.split("\n")[:-1]]


def test_each_line_says_when_how_bad_whose_and_what(storage: Storage) -> None:
    with journal(storage, FOLDER, "index", "r1", "people"):
        tell("clip failed", logging.WARNING, video_id="a\nb.mp4", reason="truncated", attempts=2)
        tell("unit begun", logging.DEBUG, video_id="c.mp4")
    begun, failed, ended = lines(storage)
    assert (begun["event"], ended["event"]) == ("begun", "ended")
    assert failed.pop("time").endswith("+00:00")
    ids = {"dataset": "cams", "job": "index", "run_id": "r1"}
    fields = {"video_id": "a\nb.mp4", "reason": "truncated", "attempts": 2}
    assert failed == {"level": "warning", **ids, "event": "clip failed", **fields}


def test_the_file_is_there_with_every_commit(storage: Storage) -> None:
    with journal(storage, FOLDER, "index", "r1", "people"):
        assert not storage.exists(f"{FOLDER}/log.jsonl")
        tell("committed", rows=3, videos=1)
        assert [line["event"] for line in lines(storage)] == ["begun", "committed"]
        tell("planned")
        assert len(lines(storage)) == 2
    assert len(lines(storage)) == 4


@pytest.mark.parametrize(
    ("error", "level", "traced"),
    [(StorageError("away"), "error", False), (KeyError("bug"), "critical", True)],
)
def test_a_job_that_dies_says_of_what(
    storage: Storage, error: Exception, level: str, traced: bool
) -> None:
    with pytest.raises(type(error)), journal(storage, FOLDER, "index", "r1", "people"):
        tell("planned")
        raise error
    last = lines(storage)[-1]
    assert (last["event"], last["level"], last["error"]) == (
        "ended by an error",
        level,
        type(error).__name__,
    )
    assert ("traceback" in last) is traced


def test_a_night_has_its_runs_lines_with_their_own_ids(storage: Storage) -> None:
    with journal(storage, "cams/nights/n1", "nightly", "n1", "people"):
        with journal(storage, FOLDER, "index", "r1", "people"):
            tell("planned")
        tell("standing query begun", query="red")
    of_night = lines(storage, folder="cams/nights/n1")
    assert [(line["job"], line["run_id"]) for line in of_night if line["event"] == "planned"] == [
        ("index", "r1")
    ]
    assert [line["run_id"] for line in of_night if line["event"] == "standing query begun"] == [
        "n1"
    ]
    assert "standing query begun" not in {line["event"] for line in lines(storage)}


def test_threads_have_the_jobs_ids(storage: Storage) -> None:
    with journal(storage, FOLDER, "index", "r1", "people"):
        thread = threading.Thread(target=tell, args=("lease not renewed",))
        thread.start()
        thread.join()
    assert lines(storage)[1]["run_id"] == "r1"


def test_a_large_log_goes_on_in_another_part(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PART_BYTES", 2000)
    with journal(storage, FOLDER, "index", "r1", "people"):
        for number in range(60):
            tell("clip failed", logging.WARNING, number=number)
    names = storage.names(FOLDER)
    assert names[0] == "log.2.jsonl" and names[-1] == "log.jsonl"
    assert all(len(storage.read_bytes(f"{FOLDER}/{name}")) < 2300 for name in names)
    told = [line for name in names for line in lines(storage, name)]
    assert sorted(line["number"] for line in told if "number" in line) == list(range(60))


def test_a_run_that_goes_on_keeps_the_lines_of_before(storage: Storage) -> None:
    for video in ("a.mp4", "b.mp4"):
        with journal(storage, FOLDER, "track", "r1", "people"):
            tell("clip failed", logging.WARNING, video_id=video)
    told = [line for name in ("log.jsonl", "log.2.jsonl") for line in lines(storage, name)]
    assert [line["video_id"] for line in told if line["event"] == "clip failed"] == [
        "a.mp4",
        "b.mp4",
    ]


def test_a_storage_that_is_away_costs_nothing_once_it_is_back(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Storage, name: str, data: bytes) -> None:
        raise StorageError("away")

    with journal(storage, FOLDER, "index", "r1", "people"):
        with monkeypatch.context() as patch:
            patch.setattr(Storage, "write_bytes", away)
            tell("committed", rows=1)
        tell("committed", rows=2)
        assert [line.get("rows") for line in lines(storage)] == [None, 1, 2]


def test_no_line_holds_a_credential(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG")
    with pytest.raises(KeyError), journal(storage, FOLDER, "index", "r1", "json"):
        tell(
            "planned",
            where=["https://u:pass@h/a?X-Amz-Signature=0a1b2c3d"],
            why="key wJalrXUtnFEMI/K7MDENG",
        )
        raise KeyError("wJalrXUtnFEMI/K7MDENG")
    told = storage.read_bytes(f"{FOLDER}/log.jsonl").decode() + capsys.readouterr().err
    assert "https://***@h/a?***" in told
    for secret in ("wJalr", "pass@", "0a1b2c3d"):
        assert secret not in told


def test_stderr_is_for_people_unless_told(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    with journal(storage, FOLDER, "index", "r1", "people"):
        tell("clip failed", logging.WARNING, video_id="a")
        log.warning("%d videos were being written", 2)
    assert capsys.readouterr().err == "trawl: 2 videos were being written\n"
    with (
        journal(storage, "cams/nights/n1", "nightly", "n1", "json"),
        journal(storage, FOLDER, "index", "r1", "json"),
    ):
        tell("planned")
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert events == ["begun", "begun", "planned", "ended", "ended"]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    with journal(None, FOLDER, "index", "r1", "people"):
        tell("planned")
    assert not list(tmp_path.iterdir())


def test_outside_of_a_job_nobody_listens(storage: Storage) -> None:
    root = logging.getLogger("trawl")
    before = (root.level, root.propagate, list(root.handlers))
    with journal(storage, FOLDER, "index", "r1", "people"):
        pass
    assert (root.level, root.propagate, root.handlers) == before

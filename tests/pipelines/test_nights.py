"""What an unattended index job does at its limits: time, failures, a corpus that is not whole,
another job.
"""

from pathlib import Path

import pytest
from rich.console import Console
from small_videos import IndexJob, write_video

from trawl import cli, exits
from trawl.config.data import StorageConfig
from trawl.config.jobs import IndexConfig
from trawl.errors import DatasetError, IndexMissingError, LeaseError
from trawl.index import job as pipeline
from trawl.runtime.clock import Deadline
from trawl.storage import Storage
from trawl.storage.lease import hold
from trawl.table import publish


def storage(tmp_path: Path) -> Storage:
    return Storage.open(StorageConfig(root=str(tmp_path / "root")))


def indexed(tmp_path: Path) -> int:
    return publish.latest(storage(tmp_path), "test").num_videos


def test_time_is_up_what_is_done_is_published_and_the_next_run_goes_on(
    index: IndexJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def over_after_two(self: Deadline) -> bool:
        calls.append(1)
        return len(calls) > 2

    with monkeypatch.context() as patch:
        patch.setattr(Deadline, "over", over_after_two)
        run = index("max_hours=1")
    assert (run.stopped, run.left, run.outcomes) == ("max_hours=1", 1, {"indexed": 2})
    assert indexed(tmp_path) == 2
    rest = index()
    assert (rest.stopped, rest.outcomes) == ("", {"indexed": 1})
    assert indexed(tmp_path) == 3


def test_too_many_failures_end_with_a_code_of_their_own(
    index: IndexJob, corpus: Path, tmp_path: Path
) -> None:
    (corpus / "bad.mp4").write_bytes(b"")
    assert index("max_failed_fraction=0.3").exit_code == exits.EXIT_OK
    (corpus / "worse.mp4").write_bytes(b"")
    assert index("max_failed_fraction=0.3").exit_code == exits.EXIT_TOO_MANY_FAILED
    assert indexed(tmp_path) == 3


def test_a_corpus_that_is_mostly_gone_is_refused(
    index: IndexJob, corpus: Path, tmp_path: Path
) -> None:
    for number in range(30):
        write_video(corpus / "more" / f"{number}.mp4", ["red"])
    index("sampling.every_s=10")
    for path in sorted(corpus.rglob("*.mp4"))[:20]:
        path.unlink()
    with pytest.raises(
        DatasetError,
        match=r"lacks 20 of the 33 videos that the index knows.*max_removed_fraction=1",
    ):
        index("sampling.every_s=10")
    assert indexed(tmp_path) == 33
    assert index("sampling.every_s=10", "max_removed_fraction=1").plan["removed"] == 20
    assert indexed(tmp_path) == 13


def test_a_second_job_is_told_who_holds_the_dataset(index: IndexJob, tmp_path: Path) -> None:
    with (
        hold(storage(tmp_path), "test", "jobs.nightly", 3.0),
        pytest.raises(LeaseError, match=r"is held by jobs\.nightly on .* \(process \d+"),
    ):
        index("table.lease_s=3")
    assert index().outcomes == {"indexed": 3}


def test_a_job_that_lost_its_lease_commits_nothing(
    index: IndexJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def steal(*args: object) -> None:
        store = storage(tmp_path)
        store.write_if_absent("test/lease/2.json", store.read_bytes("test/lease/1.json"))

    monkeypatch.setattr(pipeline, "check_removed", steal)
    with pytest.raises(LeaseError, match="taken over while this job could not be heard"):
        index()
    assert not storage(tmp_path).names("test/index/published")


def test_a_dry_run_says_what_would_happen_and_changes_nothing(
    index: IndexJob, corpus: Path, tmp_path: Path
) -> None:
    def dry() -> str:
        console = Console(record=True, width=200, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
        base = [
            "+dataset=folder",
            f"dataset.uri={corpus}",
            "dataset.name=test",
            f"storage.root={tmp_path / 'root'}",
        ]
        base += ["embedder=fake", "sampling.every_s=0.2", "dry_run=true", "prices.cpu_h=3600000000"]
        pipeline.run(cli.compose("index", IndexConfig, base), console)
        return console.export_text()

    printed = dry()
    assert "3 new" in printed
    assert "cost       unknown: no earlier run of recipe" in printed
    assert not (tmp_path / "root").exists()
    index("limit=1")
    before = sorted(path for path in (tmp_path / "root").rglob("*"))
    printed = dry()
    assert "2 new, 1 unchanged" in printed
    assert "basis      1 earlier runs" in printed
    assert "CPU" in printed.split("money")[1]
    assert sorted(path for path in (tmp_path / "root").rglob("*")) == before
    index()
    assert "cost       one listing" in dry()


def test_a_dry_rollback_publishes_nothing(index: IndexJob, corpus: Path, tmp_path: Path) -> None:
    index("limit=1")
    index()
    assert index("rollback=1", "dry_run=true").published is None
    assert indexed(tmp_path) == 3
    with pytest.raises(IndexMissingError, match="publication 9 of"):
        index("rollback=9", "dry_run=true")
    index("rollback=1")
    assert indexed(tmp_path) == 1

"""Failures as data, over a real index: bad files fail, are listed, are asked for again, put aside
and let out.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from small_videos import IndexJob, write_video

from trawl import cli, exits
from trawl.config.data import StorageConfig
from trawl.config.jobs import FailuresConfig
from trawl.failures import job as pipeline
from trawl.failures.job import FailuresOutcome
from trawl.storage import Storage
from trawl.table import publish

Failures = Callable[..., FailuresOutcome]


@pytest.fixture
def failures(corpus: Path, tmp_path: Path) -> Failures:
    """Run the failures job over what `index` made; overrides as on the command line."""

    def call(*overrides: str) -> FailuresOutcome:
        base = [
            "+dataset=folder",
            f"dataset.uri={corpus}",
            "dataset.name=test",
            f"storage.root={tmp_path / 'root'}",
        ]
        config = cli.compose("failures", FailuresConfig, [*base, "lease_s=3", *overrides])
        return pipeline.run(config, Console(quiet=True))

    return call


def told(found: FailuresOutcome) -> dict[str, tuple[str, str, int]]:
    return {
        row["video_id"]: (row["status"], row["reason"], row["attempts"])
        for row in found.rows.to_pylist()
    }


def seen(tmp_path: Path) -> list[str]:
    """The videos that queries find."""
    storage = Storage.open(StorageConfig(root=str(tmp_path / "root")))
    frames, _ = publish.open_tables(storage, "test", publish.latest(storage, "test"))
    return sorted(set(frames.to_table(columns=["video_id"])["video_id"].to_pylist()))


def test_from_failing_to_release(
    index: IndexJob, failures: Failures, corpus: Path, tmp_path: Path
) -> None:
    good = sorted(path.relative_to(corpus).as_posix() for path in corpus.rglob("*.mp4"))
    (corpus / "text.mp4").write_text("a shopping list")
    cut = corpus / "a" / "it's cut [1].mp4"
    cut.write_bytes((corpus / "a" / "red.mp4").read_bytes()[:200])
    run = index("max_failed_fraction=0.5")
    assert (run.outcomes, run.exit_code) == ({"indexed": 3, "failed": 2}, exits.EXIT_OK)

    found = failures()
    first = told(found)
    assert set(first) == {"text.mp4", "a/it's cut [1].mp4"}
    assert first["text.mp4"] == ("failed", "not_a_video", 1)
    assert set(found.rows["run_id"].to_pylist()) == {run.run_id}
    assert index().plan == {**dict.fromkeys(run.plan, 0), "unchanged": 3, "failed": 2}, (
        "left alone by itself"
    )

    assert failures("retry=a/*").changed == ["a/it's cut [1].mp4"]
    assert told(failures())["a/it's cut [1].mp4"] == ("retry", *first["a/it's cut [1].mp4"][1:]), (
        "still told why"
    )
    again = index()
    assert (again.plan["retry"], again.plan["failed"], again.outcomes) == (1, 1, {"failed": 1})
    assert told(failures())["a/it's cut [1].mp4"] == ("failed", first["a/it's cut [1].mp4"][1], 2)
    assert index().plan["retry"] == 0, "asked for once, tried once"

    assert failures("quarantine=b/blue.mp4").changed == ["b/blue.mp4"]
    assert seen(tmp_path) == good, "until the next publication"
    assert index().plan["quarantined"] == 1
    assert seen(tmp_path) == [name for name in good if name != "b/blue.mp4"]
    assert index("retry=quarantined").plan["retry"] == 0, "only its release takes it up"

    assert failures("release=b/*").changed == ["b/blue.mp4"]
    assert index().outcomes == {"indexed": 1}
    assert seen(tmp_path) == good
    assert "b/blue.mp4" not in told(failures())


def test_new_bytes_end_a_quarantine(
    index: IndexJob, failures: Failures, corpus: Path, tmp_path: Path
) -> None:
    index()
    failures("quarantine=**")
    assert index().plan["quarantined"] == 3
    assert seen(tmp_path) == []
    write_video(corpus / "b" / "blue.mp4", ["blue", "red"])
    run = index()
    assert (run.plan["changed"], run.plan["quarantined"]) == (1, 2)
    assert seen(tmp_path) == ["b/blue.mp4"]

"""Nights on a real local Ray: only what changed is indexed, only new footage is searched, and a
killed night is gone on with.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from small_videos import write_moving

from trawl import cli, exits
from trawl.config import choices
from trawl.config.data import StorageConfig
from trawl.config.jobs import NightlyConfig
from trawl.errors import ConfigError, LeaseError
from trawl.nightly import job as nightly
from trawl.nightly.record import NightRecord
from trawl.runtime.clock import Deadline
from trawl.storage import Storage
from trawl.storage.lease import hold
from trawl.track import job as track
from trawl.track.tables import read_run

Nightly = Callable[..., NightRecord]
RED = 'overrides: ["text=red", grounder=fake, tracker=fake, tracking.chunk_s=1]\n'


@pytest.fixture
def standing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of standing queries, with one of them."""
    folder = tmp_path / "standing"
    folder.mkdir()
    (folder / "red.yaml").write_text(RED)
    monkeypatch.setattr(choices, "standing_folder", lambda: folder)
    return folder


@pytest.fixture
def night(local_ray: None, tmp_path: Path, standing: Path) -> Nightly:
    """Run the nightly job with fake models over two videos; overrides as on the command line."""
    write_moving(tmp_path / "corpus" / "red.mp4", ["red"])
    write_moving(tmp_path / "corpus" / "blue.mp4", ["blue"])

    def call(*overrides: str, console: Console | None = None) -> NightRecord:
        base = ["+dataset=folder", f"dataset.uri={tmp_path / 'corpus'}", "dataset.name=test"]
        base += [
            f"storage.root={tmp_path / 'root'}",
            "embedder=fake",
            "sampling.every_s=0.5",
            "table.lease_s=3",
        ]
        base += [
            "resources.decode_actors=1",
            "resources.embed_actors=1",
            "resources.embed_cpus=0.25",  # so that all three kinds of actors fit at once
            "resources.track_actors=1",
        ]
        config = cli.compose("nightly", NightlyConfig, [*base, *overrides])
        return nightly.run(config, console or Console(quiet=True))

    return call


def storage(tmp_path: Path) -> Storage:
    return Storage.open(StorageConfig(root=str(tmp_path / "root")))


def followed(tmp_path: Path, run_id: str) -> list[str]:
    """The videos of a run's tracks."""
    _, tracks = read_run(storage(tmp_path), "test", run_id)
    return sorted(tracks.to_table()["video_id"].to_pylist())


def test_each_night_searches_new_footage_only(night: Nightly, tmp_path: Path) -> None:
    first = night()
    assert first.exit_code == exits.EXIT_OK
    assert first.index is not None
    assert first.index.outcomes == {"indexed": 2}
    (query_run,) = first.standing["red"]
    assert (query_run.ended, query_run.videos, query_run.counts["tracks"]) == (True, 2, 1)
    assert query_run.run_id == f"{first.night}-red"
    assert followed(tmp_path, query_run.run_id) == ["red.mp4"]
    second = night()
    assert (second.index.outcomes, second.standing) == ({}, {"red": []})
    write_moving(tmp_path / "corpus" / "new.mp4", ["red"])
    (query_run,) = night().standing["red"]
    assert (query_run.videos, followed(tmp_path, query_run.run_id)) == (1, ["new.mp4"])
    written = json.loads((tmp_path / "root/test/nights" / first.night / "night.json").read_text())
    assert written["standing"]["red"][0]["counts"]["tracks"] == 1
    assert written["index"]["outcomes"] == {"indexed": 2}


def test_a_changed_query_is_asked_of_the_whole_corpus_once(
    night: Nightly, standing: Path, tmp_path: Path
) -> None:
    night()
    (standing / "red.yaml").write_text(RED.replace("chunk_s=1", "chunk_s=2"))
    (query_run,) = night().standing["red"]
    assert query_run.videos == 2
    assert night().standing == {"red": []}


def test_a_night_that_was_killed_is_gone_on_with(
    night: Nightly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(track, "_track", die)
        with pytest.raises(KeyboardInterrupt):
            night()
    write_moving(tmp_path / "corpus" / "new.mp4", ["red"])
    record = night()
    earlier, tonight = record.standing["red"]
    assert earlier.run_id != tonight.run_id
    assert (earlier.ended, followed(tmp_path, earlier.run_id)) == (True, ["red.mp4"])
    assert (tonight.ended, followed(tmp_path, tonight.run_id)) == (True, ["new.mp4"])


def test_without_time_the_rest_is_for_the_next_night(
    night: Nightly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night()
    write_moving(tmp_path / "corpus" / "new.mp4", ["red"])
    with monkeypatch.context() as patch:
        patch.setattr(Deadline, "over", lambda self: True)
        record = night("max_hours=1")
    assert (record.index.left, record.left, record.standing) == (1, ["red"], {})
    assert night().standing["red"][0].videos == 1


def test_a_query_that_cannot_be_asked_costs_no_other(
    night: Nightly, standing: Path, tmp_path: Path
) -> None:
    (standing / "bad.yaml").write_text(
        RED.replace("grounder", "search.where=nonsense > 3, grounder")
    )
    record = night()
    assert record.exit_code == exits.EXIT_SOME_FAILED
    assert "search.where names nonsense" in record.refused["bad"]
    assert record.standing["red"][0].ended


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("overrides: [text=red, nosuch=3]\n", r"standing=bad: there is no setting nosuch"),
        ("overrides: [grounder=fake]\n", r"standing=bad: "),
        ("text: red\n", r"bad\.yaml is no standing query"),
        ("overrides: [\n", r"bad\.yaml is no standing query"),
    ],
)
def test_a_wrong_query_stops_the_night_before_any_work(
    night: Nightly, standing: Path, tmp_path: Path, content: str, message: str
) -> None:
    (standing / "bad.yaml").write_text(content)
    with pytest.raises(ConfigError, match=message):
        night()
    assert not (tmp_path / "root").exists()


def test_queries_are_chosen_by_dataset_and_by_name(night: Nightly, standing: Path) -> None:
    (standing / "other.yaml").write_text(RED + "datasets: [cats]\n")
    assert set(night().standing) == {"red"}
    assert set(night("ask=[other]").standing) == {"other"}
    assert night("ask=[]").standing == {}
    with pytest.raises(ConfigError, match=r"ask=othr does not exist: did you mean 'other'"):
        night("ask=[othr]")


def test_two_nights_at_once_the_second_says_who_holds_it(night: Nightly, tmp_path: Path) -> None:
    with (
        hold(storage(tmp_path), "test", "jobs.index", 3.0),
        pytest.raises(LeaseError, match=r"is held by jobs\.index"),
    ):
        night()


def test_a_dry_night_changes_nothing(night: Nightly, tmp_path: Path) -> None:
    console = Console(record=True, width=200, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    night("dry_run=true", console=console)
    printed = console.export_text()
    assert "2 new" in printed
    assert "standing queries: red" in printed
    assert not (tmp_path / "root").exists()

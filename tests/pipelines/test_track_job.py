"""The tracking job on a real local Ray: what is written, what a bad clip or a dying part costs, and
how a run goes on.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from dying_actors import DyingTrackActor
from moving_corpus import index_moving, where
from rich.console import Console
from small_videos import COLORS, RealIndex, moving_picture

from trawl import cli, masks
from trawl.config.data import StorageConfig
from trawl.config.jobs import TrackConfig
from trawl.errors import ConfigError, IndexMissingError, RunError
from trawl.exits import EXIT_OK, EXIT_SOME_FAILED
from trawl.records.tracking import Clip
from trawl.storage import Storage
from trawl.track import job as track
from trawl.track.record import TrackRecord
from trawl.track.tables import read_run, resolve_run
from trawl.track.task import ClipDone

TrackJob = Callable[..., TrackRecord]
VIDEOS = {"red.mp4": ["red"], "both.mp4": ["red", "blue"], "blue.mp4": ["blue"]}


@pytest.fixture(scope="module")
def indexed(local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with videos of moving squares, and their published index."""
    return index_moving(tmp_path_factory.mktemp("moving"), VIDEOS)


@pytest.fixture
def follow(indexed: Path) -> TrackJob:
    """Run the tracking job with fake models; overrides as on the command line."""

    def call(*overrides: str, console: Console | None = None) -> TrackRecord:
        base = [
            *where(indexed),
            "grounder=fake",
            "tracker=fake",
            "resources.track_actors=1",
            "tracking.chunk_s=1",
        ]
        if not any(word.startswith(("text=", "queries=")) for word in overrides):
            base.append("text=red")
        return track.run(
            cli.compose("track", TrackConfig, [*base, *overrides]), console or Console(quiet=True)
        )

    return call


def tables(indexed: Path, run: TrackRecord) -> tuple[list[dict], list[dict]]:
    """(masks, tracks) of a run."""
    opened = read_run(Storage.open(StorageConfig(root=str(indexed / "root"))), "test", run.run_id)
    mask_rows, track_rows = (dataset.to_table().to_pylist() for dataset in opened)
    return mask_rows, track_rows


def test_what_the_text_names_is_followed_through_the_clip(follow: TrackJob, indexed: Path) -> None:
    run = follow()
    assert run.exit_code == EXIT_OK
    mask_rows, track_rows = tables(indexed, run)
    assert sorted(row["video_id"] for row in track_rows) == ["both.mp4", "red.mp4"]
    assert {row["text"] for row in track_rows} == {"red"}
    for row in track_rows:
        assert (row["num_masks"], row["start_index"], row["end_index"]) == (30, 0, 29)
    for row in mask_rows:
        truth = (moving_picture(VIDEOS[row["video_id"]], row["frame_index"]) == COLORS["red"]).all(
            axis=-1
        )
        found = masks.decode(row["rle"], row["height"], row["width"])
        assert (found & truth).sum() / (found | truth).sum() > 0.8
        assert row["time_s"] == pytest.approx(row["frame_index"] / 10)
    where = indexed / "root/test/runs" / run.run_id
    written = json.loads((where / "run.json").read_text())
    assert (written["counts"]["tracks"], written["counts"]["masks"]) == (2, 60)
    assert set(written["cpu_s"]) >= {"decode", "track", "ground", "other"}
    assert (written["counts"]["rows"], written["video_s"]) == (
        60,
        pytest.approx(3.0 * run.clips["done"]),
    )
    stored = [
        path.stat().st_size for part in ("masks", "tracks") for path in (where / part).iterdir()
    ]
    assert written["counts"]["bytes_written"] == sum(stored)
    assert set(written["actor_s"]) >= {"track", "ground", "other"}
    assert 10 < written["peak_mb"]["decoder"] < written["peak_mb"]["track_actor"] * 2
    assert written["gpu_s"] == 0 and "gpu" not in written["peak_mb"]


def test_tracks_say_where_they_come_from(follow: TrackJob, indexed: Path) -> None:
    run = follow()
    for row in tables(indexed, run)[1]:
        assert row["run_id"] == run.run_id
        assert row["recipe"] == run.recipe
        assert row["uri"].endswith(row["video_id"]) and row["fingerprint"]
        assert (
            row["tracker"].startswith("flat-colors/")
            and "@" in row["grounder"]
            and "@" in row["embedder"]
        )
        assert row["config_hash"] == run.lineage["config_hash"]


def test_several_texts_share_their_clips(follow: TrackJob, indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("red\nblue\n")
    run = follow(f"queries={tmp_path / 'texts'}")
    assert run.clips["planned"] == 3
    found = sorted((row["video_id"], row["text"]) for row in tables(indexed, run)[1])
    assert found == [
        ("blue.mp4", "blue"),
        ("both.mp4", "blue"),
        ("both.mp4", "red"),
        ("red.mp4", "red"),
    ]


def test_nothing_found_is_an_answer(follow: TrackJob, indexed: Path) -> None:
    console = Console(record=True, quiet=False, width=200, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    run = follow("text=green", console=console)
    assert (run.exit_code, run.counts["tracks"]) == (EXIT_OK, 0)
    assert tables(indexed, run) == ([], [])
    assert "nothing like this was found; the best frame scored" in console.export_text()


def test_a_run_without_clips_is_the_latest_run_too(follow: TrackJob, indexed: Path) -> None:
    follow()
    run = follow("search.min_score=2")
    assert (run.clips["planned"], tables(indexed, run)) == (0, ([], []))
    assert (
        resolve_run(Storage.open(StorageConfig(root=str(indexed / "root"))), "test", "latest")
        == run.run_id
    )


class Killed(BaseException):
    """As Ctrl-C, without pytest's help."""


def test_a_killed_run_goes_on_and_repeats_nothing(
    follow: TrackJob, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = TrackRecord.count, []

    def dies(self: TrackRecord, clip: Clip, answer: ClipDone) -> None:
        seen.append(clip)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(TrackRecord, "count", dies)
        with pytest.raises(Killed):
            follow("run_id=mine")
    parts = indexed / "root/test/runs/mine/tracks"
    before = {path.name: path.stat().st_mtime_ns for path in parts.iterdir()}
    assert f"{seen[0].clip_id}.parquet" in before
    assert TrackRecord.count is real
    run = follow("run_id=mine")
    assert run.clips["finished_before"] == len(before) >= 1
    assert {name: (parts / name).stat().st_mtime_ns for name in before} == before
    assert sorted(row["video_id"] for row in tables(indexed, run)[1]) == ["both.mp4", "red.mp4"]
    again = follow("run_id=mine")
    assert (again.clips["done"], "start_up" in again.clock.steps) == (0, False)


def test_a_run_goes_on_with_its_own_settings_only(follow: TrackJob) -> None:
    follow("run_id=fixed")
    for other in ("text=blue", "tracking.chunk_s=2", "search.segments=1"):
        with pytest.raises(ConfigError, match="run_id=fixed was begun with other settings"):
            follow("run_id=fixed", other)


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", "", ".hidden"])
def test_a_run_stays_in_its_folder(name: str, follow: TrackJob, indexed: Path) -> None:
    with pytest.raises(RunError, match="cannot name a run"):
        follow(f"run_id='{name}'")
    assert not (indexed / "root/test/elsewhere").exists()


def test_the_index_job_s_runs_are_left_alone(follow: TrackJob, indexed: Path) -> None:
    (theirs,) = [
        path
        for path in (indexed / "root/test/runs").iterdir()
        if '"job": "index"' in (path / "run.json").read_text()
    ]
    before = (theirs / "run.json").read_bytes()
    with pytest.raises(RunError, match="is a run of another job"):
        follow(f"run_id={theirs.name}")
    assert (theirs / "run.json").read_bytes() == before


@pytest.fixture
def spoiled(indexed: Path) -> Iterator[Path]:
    """One of the two videos with red is no video any more."""
    path = indexed / "corpus" / "red.mp4"
    kept = path.read_bytes()
    path.write_bytes(b"no video at all" * 100)
    yield path
    path.write_bytes(kept)


def test_a_clip_that_does_not_decode_costs_itself(
    follow: TrackJob, indexed: Path, spoiled: Path
) -> None:
    run = follow()
    assert run.exit_code == EXIT_SOME_FAILED
    assert run.failures == {"not_a_video": 1}
    assert "red.mp4" in next(iter(run.failed_clips.values()))
    assert [row["video_id"] for row in tables(indexed, run)[1]] == ["both.mp4"]
    log = (indexed / "root/test/runs" / run.run_id / "log.jsonl").read_text().splitlines()
    (failed,) = (line for line in map(json.loads, log) if line["event"] == "clip failed")
    assert (failed["video_id"], failed["reason"], failed["job"]) == (
        "red.mp4",
        "not_a_video",
        "track",
    )


def test_a_clip_that_kills_its_process_costs_itself(
    follow: TrackJob, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "TrackActor", DyingTrackActor)
    run = follow()
    assert run.failures == {"worker_died": 1}
    assert [row["video_id"] for row in tables(indexed, run)[1]] == ["both.mp4"]


def test_actors_that_do_not_fit(follow: TrackJob) -> None:
    with pytest.raises(ConfigError, match=r"resources\.track_actors=3 .* Ray has 2 CPUs"):
        follow("resources.track_actors=3")


def test_before_the_first_index(follow: TrackJob, tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError, match=r"run python -m jobs\.index"):
        follow(f"storage.root={tmp_path}")


def test_scores_of_a_run_are_numbers(follow: TrackJob, indexed: Path) -> None:
    mask_rows, track_rows = tables(indexed, follow())
    assert np.isfinite([row["score"] for row in mask_rows]).all()
    assert all(
        0 < row["grounding_score"] <= 1 and 0 < row["retrieval_score"] <= 1.01 for row in track_rows
    )


def test_real_clips_with_the_real_architectures(real_index: RealIndex) -> None:
    """All ten, from the index to the tables, by SAM 2.1 tiny at random initialisation and a small
    input.
    """
    overrides = [
        "grounder=clip",
        "grounder.max_objects=1",
        "tracker=sam2_tiny",
        "tracker.weights=random:0",
    ]
    overrides += [
        "tracker.image_size=256",
        "tracker.precision=fp32",
        "tracking.max_fps=1",
        "tracking.max_side=256",
    ]
    run = track.run(
        cli.compose(
            "track",
            TrackConfig,
            [*real_index.where, *overrides, "search.per_video=1", "text=a red ring"],
        ),
        Console(quiet=True),
    )
    assert (run.exit_code, run.clips["done"]) == (EXIT_OK, 10)
    storage = Storage.open(StorageConfig(root=str(real_index.root)))
    opened = read_run(storage, "real", run.run_id)
    assert {row["clip_id"] for row in opened[1].to_table().to_pylist()} <= {
        clip.stem for clip in (real_index.root / "real/runs" / run.run_id / "tracks").iterdir()
    }
    assert all(
        row["tracker"].startswith("sam2.1_hiera_tiny/random:0@")
        for row in opened[1].to_table().to_pylist()
    )

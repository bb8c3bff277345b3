"""Sweeps on a real local Ray: what the second point need not compute, and that it comes out the
same.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from moving_corpus import index_moving, where
from rich.console import Console

from trawl import cli, exits
from trawl.config.data import StorageConfig
from trawl.config.jobs import IndexConfig, TrackConfig
from trawl.index import job as index
from trawl.runtime import pool
from trawl.runtime import session as runtime
from trawl.storage import Storage
from trawl.track import job as track
from trawl.track.tables import read_run

OWN = {"run_id", "created_at", "config_hash"}


@pytest.fixture(scope="module")
def indexed(local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return index_moving(
        tmp_path_factory.mktemp("swept"), {"red.mp4": ["red"], "both.mp4": ["red", "blue"]}
    )


@pytest.fixture
def root(indexed: Path, tmp_path: Path) -> Path:
    """The index alone, nothing remembered."""
    (tmp_path / "root" / "test").mkdir(parents=True)
    (tmp_path / "root" / "test" / "index").symlink_to(indexed / "root" / "test" / "index")
    return tmp_path / "root"


def words(indexed: Path, root: Path, *more: str) -> list[str]:
    base = [
        *where(indexed)[:3],
        f"storage.root={root}",
        "grounder=fake",
        "tracker=fake",
        "resources.track_actors=1",
    ]
    return [*base, "tracking.chunk_s=1", *more]


def sweep(indexed: Path, root: Path, *more: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, and run.json of each point."""
    code = cli.run(
        "track",
        TrackConfig,
        lambda config: track.run(config).exit_code,
        ["-m", *words(indexed, root, *more)],
    )
    (found,) = (root / "test" / "sweeps").iterdir()
    points = json.loads((found / "points.json").read_text())
    return code, [
        json.loads((root / "test/runs" / point["run_id"] / "run.json").read_text())
        for point in points
    ]


def tables(root: Path, run_id: str) -> list[list[dict[str, Any]]]:
    """Masks and tracks in order, without what may differ between two runs of the same."""
    opened = read_run(Storage.open(StorageConfig(root=str(root))), "test", run_id)
    tables = []
    for rows in (one.to_table().to_pylist() for one in opened):
        kept = [{k: v for k, v in row.items() if k not in OWN} for row in rows]
        tables.append(sorted(kept, key=lambda row: (row["track_id"], row.get("frame_index", 0))))
    return tables


def test_other_filters_follow_nothing_again(indexed: Path, root: Path) -> None:
    code, runs = sweep(
        indexed,
        root,
        "text=red",
        "grounder.min_score=0.1,0.2",
        "tracking.motion.noise=0.05,0.1",
        "tracking.new_score=0,0.3",
    )
    assert code == exits.EXIT_OK and len(runs) == 8
    assert runs[0]["made"]["object_frames"] > 0 and runs[0]["saved"].get("object_frames", 0) == 0
    for run in runs[1:]:
        assert run["made"] == {}
        assert run["saved"]["object_frames"] == runs[0]["made"]["object_frames"]
        assert run["saved"]["frames_grounded"] == runs[0]["made"]["frames_grounded"]
        assert run["counts"]["masks"] == runs[0]["counts"]["masks"] > 0


def test_what_is_reused_comes_out_the_same(indexed: Path, root: Path) -> None:
    _, runs = sweep(
        indexed, root, "text=red,blue", "tracking.chunk_s=1,2", "tracking.reground_s=0.5,1"
    )
    assert any(run["saved"] for run in runs)
    for run in runs:
        config = run["config"]["tracking"]
        plain = track.run(
            cli.compose(
                "track",
                TrackConfig,
                words(
                    indexed,
                    root,
                    f"text={run['texts'][0]}",
                    f"tracking.chunk_s={config['chunk_s']}",
                    f"tracking.reground_s={config['reground_s']}",
                ),
            ),
            Console(quiet=True),
        )
        assert not plain.saved
        assert tables(root, run["run_id"]) == tables(root, plain.run_id)


def test_the_same_clip_with_the_same_settings_is_copied(indexed: Path, root: Path) -> None:
    _, runs = sweep(indexed, root, "text=red", "search.segments=20,21,22")
    assert [run["saved"].get("clips", 0) for run in runs] == [0, 2, 2]
    assert tables(root, runs[0]["run_id"]) == tables(root, runs[2]["run_id"])
    for run in runs:
        opened = read_run(Storage.open(StorageConfig(root=str(root))), "test", run["run_id"])
        assert {
            row["run_id"] for one in opened for row in one.to_table(columns=["run_id"]).to_pylist()
        } == {run["run_id"]}
        assert {row["config_hash"] for row in opened[1].to_table().to_pylist()} == {
            run["lineage"]["config_hash"]
        }
        assert run["counts"]["masks"] == runs[0]["counts"]["masks"]
    for note in (root / "test/cache/followed").rglob("*.json"):  # what was copied from is gone
        note.write_text(json.dumps(json.loads(note.read_text()) | {"run_id": "gone"}))
    again = track.run(
        cli.compose("track", TrackConfig, words(indexed, root, "text=red", "reuse=true")),
        Console(quiet=True),
    )
    assert again.saved["clips"] == 0 and again.saved["object_frames"] > 0
    assert tables(root, again.run_id) == tables(root, runs[0]["run_id"])


def test_points_share_their_actors(
    indexed: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    real = pool.Pool.__init__

    def counted(self: Any, *args: Any, **options: Any) -> None:
        started.append(args[0])
        real(self, *args, **options)

    monkeypatch.setattr(pool.Pool, "__init__", counted)
    sweep(indexed, root, "text=red", "tracking.chunk_s=1,2,3", "grounder.min_score=0.1,0.2")
    assert len(started) == 1
    assert not runtime.is_staying()


def test_a_clip_that_fails_costs_its_point_and_is_tried_again(
    indexed: Path, root: Path, tmp_path: Path
) -> None:
    path = indexed / "corpus" / "red.mp4"
    kept = path.read_bytes()
    path.write_bytes(b"no video at all" * 100)
    try:
        code, runs = sweep(indexed, root, "text=red", "grounder.min_score=0.1,0.2")
        assert code == exits.EXIT_SOME_FAILED
        assert [run["clips"]["failed"] for run in runs] == [1, 1]
    finally:
        path.write_bytes(kept)
    code, runs = sweep(indexed, root, "text=red", "grounder.min_score=0.1,0.2")
    assert code == exits.EXIT_OK
    assert [(run["clips"]["finished_before"], run["clips"]["done"]) for run in runs] == [
        (1, 1),
        (1, 1),
    ]


def test_a_sweep_over_the_index_embeds_nothing_twice(indexed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    folder.mkdir()
    (folder / "corpus").symlink_to(indexed / "corpus")
    argv = [
        *where(folder),
        "embedder=fake",
        "resources.decode_actors=1",
        "resources.embed_actors=1",
    ]

    def job(config: IndexConfig) -> exits.Outcome:
        record = index.run(config, Console(quiet=True))
        return exits.Outcome(record.exit_code, run_id=record.run_id)

    assert (
        cli.run(
            "index",
            IndexConfig,
            job,
            ["-m", *argv, "sampling.every_s=0.5,1,0.5", "table.commit_rows=9,10"],
        )
        == 0
    )
    (found,) = (folder / "root/test/sweeps").iterdir()
    points = json.loads((found / "points.json").read_text())
    runs = [
        json.loads((folder / "root/test/runs" / point["run_id"] / "run.json").read_text())
        for point in points
    ]
    embedded = [run["frames"].get("embedded", 0) for run in runs]
    assert (
        len(embedded) == 4
        and embedded[0] > 0
        and embedded[1] == embedded[3] == 0 < embedded[2] < embedded[0]
    )

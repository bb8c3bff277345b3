"""The export job over small written runs: files, splits, counts, and what goes wrong; no Ray, no
models.
"""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pycocotools.coco import COCO
from rich.console import Console
from tracked import LINEAGE, RUN, clip, row, square, track

from trawl import cli
from trawl.config.data import DatasetConfig, SplitConfig, StorageConfig
from trawl.config.jobs import ExportConfig
from trawl.errors import ConfigError, RunError
from trawl.export import job as export
from trawl.records.tracking import Flag
from trawl.records.video import Recipe
from trawl.schemas import VIDEOS as VIDEOS_SCHEMA
from trawl.schemas import frames_schema
from trawl.storage import Storage
from trawl.table import frames, publish
from trawl.table.ledger import open_ledger
from trawl.track import tables as write

SIZE = (24, 32)
VIDEOS = [f"cam{n % 2}/{n:02d}.mp4" for n in range(12)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run over 12 videos, each with two overlapping tracks of three frames; one row of each video
    is a guess.
    """
    write_run(Storage.open(StorageConfig(root=str(tmp_path / "root"))))
    return tmp_path / "root"


def write_run(storage: Storage) -> None:
    for n, video_id in enumerate(VIDEOS):
        star = [row(k, square(SIZE, 2 + k, 2, 8), 0.9) for k in range(3)]
        ring = [
            row(0, square(SIZE, 6, 6, 8), 0.6),
            row(1, None, 0.0),
            row(2, square(SIZE, 16, 6, 8), 0.6, (Flag.BORDER,)),
        ]
        tracks = [track(0, star, SIZE), track(1, ring, SIZE, "a blue ring")]
        write.write_clip(
            storage,
            "test",
            RUN,
            clip(f"c{n:02d}", video_id, ("a red star", "a blue ring")),
            tracks,
            LINEAGE,
        )


def run(root: Path, form: str, **settings: object) -> tuple[export.Exported, Path, str]:
    """What was exported, its folder, and what was printed."""
    config = ExportConfig(
        DatasetConfig("folder", "test", "/videos"),
        StorageConfig(str(root)),
        format=form,
        **settings,
    )
    console = Console(file=io.StringIO(), width=200)
    done = export.run(config, console)
    return done, Path(done.folder), console.file.getvalue()


def test_no_video_is_in_two_splits_and_all_are_in_one(root: Path) -> None:
    done, folder, _ = run(root, "coco", split=SplitConfig(train=5, val=3, test=2))
    parts = {
        path.stem: COCO(str(path))
        for path in folder.glob("*.json")
        if path.stem in ("train", "val", "test")
    }
    of_part = {
        name: {video["name"] for video in part.dataset["videos"]} for name, part in parts.items()
    }
    assert set(of_part) == {"train", "val", "test"}
    assert sorted(video for videos in of_part.values() for video in videos) == sorted(VIDEOS)
    assert {name: counts["videos"] for name, counts in done.counts.items()} == {
        n: len(v) for n, v in of_part.items()
    }
    classes = {
        name: {cat["name"]: cat["id"] for cat in part.dataset["categories"]}
        for name, part in parts.items()
    }
    assert all(found == {"a blue ring": 1, "a red star": 2} for found in classes.values())


@pytest.mark.parametrize("form", export.FORMATS)
def test_every_format_tells_what_it_holds(root: Path, form: str) -> None:
    done, folder, printed = run(root, form)
    total = {
        kind: sum(counts[kind] for counts in done.counts.values())
        for kind in ("videos", "tracks", "instances")
    }
    assert total == {"videos": 12, "tracks": 24, "instances": 60}
    assert done.dropped["inferred"] == 12 and "left out: 12 rows were inferred" in printed
    on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert on_disk == {*done.sizes, "settings.json", "export.json"}
    report = json.loads((folder / "export.json").read_text())
    assert (
        report["files"] == len(done.sizes)
        and report["settings"]["format"] == form
        and report["run_id"] == RUN
    )
    if form in ("mots", "davis"):
        assert (
            done.overlaps["trimmed"] == 12 and "12 masks were trimmed, 0 wholly hidden" in printed
        )
    else:
        assert not done.overlaps


def test_guesses_are_exported_where_asked_for_and_possible(root: Path) -> None:
    _, folder, printed = run(root, "csv", inferred=True)
    assert len(pd.read_csv(folder / "objects.csv")) == 72 and "left out" not in printed
    assert run(root, "coco", inferred=True)[0].dropped["inferred"] == 12, (
        "COCO has no place for them"
    )


def test_where_and_classes(root: Path) -> None:
    _, folder, printed = run(
        root, "csv", where="score > 0.5 and text = 'a red star'", classes={"a red star": 7}
    )
    table = pd.read_csv(folder / "objects.csv")
    assert (
        set(table["text"]) == {"a red star"}
        and set(table["category_id"]) == {7}
        and len(table) == 36
    )
    assert "left out: 36 rows did not meet where" in printed
    assert json.loads((folder / "export.json").read_text())["classes"] == {
        "a blue ring": 1,
        "a red star": 7,
    }


def test_videos_read_together_or_apart_give_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = run(root, "csv", where="score > 0.5")
    monkeypatch.setattr(export, "_ROWS_AT_ONCE", 14)
    apart = run(root, "csv", where="score > 0.5")
    assert together[0].dropped == apart[0].dropped == {"where": 12, "inferred": 0}
    assert (together[1] / "objects.csv").read_text() == (apart[1] / "objects.csv").read_text()


def test_an_empty_selection_is_an_empty_export(root: Path) -> None:
    for form in export.FORMATS:
        done, folder, _ = run(root, form, where="false")
        assert not sum(counts["instances"] for counts in done.counts.values())
        assert (folder / "export.json").exists()


def test_a_run_without_tracks_says_so(tmp_path: Path) -> None:
    storage = Storage.open(StorageConfig(root=str(tmp_path)))
    write.write_clip(storage, "test", RUN, clip("c00", "a.mp4"), [], LINEAGE)
    _, folder, printed = run(tmp_path, "coco")
    assert printed.splitlines()[0] == f"run {RUN} has no tracks to export as coco"
    assert "split by" not in printed and (folder / "export.json").exists()


def test_two_exports_never_mix(root: Path) -> None:
    first, second = run(root, "davis")[1], run(root, "davis", where="text = 'a red star'")[1]
    assert (
        first != second
        and first.parent == second.parent == root / "test" / "runs" / RUN / "exports" / "davis"
    )


def test_out_is_a_folder_of_its_own(root: Path, tmp_path: Path) -> None:
    _, folder, _ = run(root, "coco", out=f"{tmp_path}/mine")
    assert folder == tmp_path / "mine" and (folder / "train.json").exists()
    with pytest.raises(ConfigError, match="holds files already"):
        run(root, "coco", out=f"{tmp_path}/mine")


def test_the_newest_run_is_taken_and_a_wrong_one_is_told(root: Path) -> None:
    storage = Storage.open(StorageConfig(str(root)))
    newer = "20270101T000000Z-bbbbbb"
    write.write_clip(
        storage,
        "test",
        newer,
        clip("x"),
        [track(0, [row(0, square(SIZE, 1, 1, 2))], SIZE)],
        LINEAGE,
    )
    assert run(root, "csv")[0].run_id == newer
    assert run(root, "csv", run=RUN)[0].run_id == RUN
    with pytest.raises(RunError, match=newer):
        run(root, "csv", run="nothing")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"where": "scor > 1"}, "scor"),
        ({"classes": {"a red stra": 1}}, "did you mean 'a red star'"),
        ({"run": ".."}, "does not exist"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    root: Path, settings: dict[str, object], word: str
) -> None:
    with pytest.raises((ConfigError, RunError), match=word) as caught:
        run(root, "coco", **settings)
    assert "\n" not in str(caught.value)
    assert not (root / "test" / "runs" / RUN / "exports").exists()


def test_what_people_type_arrives() -> None:
    words = [
        "+dataset=demo",
        "format=mots",
        "where=score > 0.5 and text = 'a, b'",
        "classes={a red star: 2}",
        "split.val=0",
    ]
    config = cli.compose("export", ExportConfig, words)
    assert (config.where, config.classes) == ("score > 0.5 and text = 'a, b'", {"a red star": 2})
    assert config.split == SplitConfig(val=0) and config.run == "latest" and config.out is None
    with pytest.raises(ConfigError, match="did you mean 'coco'"):
        cli.compose("export", ExportConfig, ["+dataset=demo", "format=coc"])


def test_the_demo_keeps_its_own_splits(tmp_path: Path) -> None:
    (tmp_path / "corpus" / "truth").mkdir(parents=True)
    table = pa.table({"video_id": VIDEOS[:2], "split": ["test", "val"]})
    pq.write_table(table, tmp_path / "corpus" / "truth" / "videos.parquet")
    dataset = DatasetConfig("demo", "demo", str(tmp_path / "corpus"))
    config = ExportConfig(dataset, StorageConfig(str(tmp_path / "root")), format="csv")
    for n in range(2):
        tracks = [track(0, [row(0, np.ones(SIZE, bool))], SIZE)]
        write.write_clip(
            Storage.open(config.storage), "demo", RUN, clip(f"c{n}", VIDEOS[n]), tracks, LINEAGE
        )
    done = export.run(config, Console(quiet=True))
    assert {name: counts["videos"] for name, counts in done.counts.items()} == {"test": 1, "val": 1}
    assert done.split_by == {"the dataset": 2}
    hashed = export.run(replace(config, split=SplitConfig(column=None)), Console(quiet=True))
    assert hashed.split_by == {"hash": 2}


def test_a_folder_and_s3_hold_the_same_files(
    storage: Storage, storage_config: StorageConfig
) -> None:
    write_run(storage)
    config = ExportConfig(
        DatasetConfig("folder", "test", "/videos"),
        storage_config,
        format="mots",
        where="score > 0.5",
    )
    done = export.run(config, Console(quiet=True))
    inside = done.folder.removeprefix(f"{storage.root}/")
    assert {name: len(storage.read_bytes(f"{inside}/{name}")) for name in done.sizes} == done.sizes
    assert done.overlaps["trimmed"] == 12
    elsewhere = replace(config, format="csv", out=f"{storage_config.root}-out/mine")
    assert export.run(elsewhere, Console(quiet=True)).folder == f"{storage.root}-out/mine"
    with pytest.raises(ConfigError, match="holds files already"):
        export.run(elsewhere, Console(quiet=True))


def test_a_manifests_column_names_the_split(
    storage: Storage, storage_config: StorageConfig
) -> None:
    """Two videos say it, one leaves it empty, the others lack the column."""
    write_run(storage)
    said = {
        VIDEOS[0]: {"split": "holdout"},
        VIDEOS[1]: {"split": "train"},
        VIDEOS[2]: {"split": ""},
    }
    publish_ledger(storage, {video_id: said.get(video_id, {}) for video_id in VIDEOS})
    config = ExportConfig(DatasetConfig("manifest", "test", "/m.csv"), storage_config, format="csv")
    done = export.run(config, Console(quiet=True))
    assert done.counts["holdout"]["videos"] == 1 and done.split_by == {"the dataset": 2, "hash": 10}


def publish_ledger(storage: Storage, metadata: dict[str, dict[str, str]]) -> None:
    """A published index of these videos, a frame each."""
    recipe, schema = Recipe({"model": "fake"}, {"policy": "interval"}, "auto"), frames_schema(2)
    uris = {name: storage.table_uri("test", recipe.key, name) for name in ("frames", "videos")}
    rows, ledger = [], []
    for n, (video_id, own) in enumerate(metadata.items()):
        vector = [np.cos(n / 10), np.sin(n / 10)]
        same = {"video_id": video_id, "metadata": json.dumps(own)}
        rows.append(
            same
            | {"frame_index": 0, "time_s": 0.0, "shot": -1, "substituted": False, "duration_s": 1.0}
        )
        rows[-1] |= {"path_parts": [], "embedding": vector}
        ledger.append(
            dict.fromkeys(VIDEOS_SCHEMA.names)
            | same
            | {"uri": video_id, "fingerprint": "f", "size_bytes": 1}
        )
        ledger[-1] |= {"status": "indexed", "attempts": 0, "frames_embedded": 1, "run_id": "r"}
        ledger[-1] |= {"updated_at": datetime.now(UTC)}
    options = storage.lance_options
    frames.create_if_missing(uris["frames"], options, schema)
    columns = {name: [row[name] for row in rows] for name in schema.names}
    columns["embedding"] = np.array(columns["embedding"], np.float16).tolist()
    batch = pa.record_batch([pa.array(columns[f.name], f.type) for f in schema], schema=schema)
    frames.commit(
        uris["frames"],
        options,
        frames.write_fragments(uris["frames"], options, schema, [batch]),
        VIDEOS,
        "k",
    )
    open_ledger(uris["videos"], options).upsert(pa.Table.from_pylist(ledger, schema=VIDEOS_SCHEMA))
    publish.publish(storage, "test", recipe, None)

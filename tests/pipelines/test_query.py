"""The query job over a published index of real little videos: fake embedder, no Ray, no torch."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from trawl.config.data import DatasetConfig, StorageConfig
from trawl.config.jobs import QueryConfig
from trawl.config.steps import SearchConfig
from trawl.corpus.files import stat_file
from trawl.errors import ConfigError, IndexMissingError, UsageError, WeightsError
from trawl.index.embed import frames_batch
from trawl.models.fakes.embedder import FakeEmbedder, blueprint
from trawl.query.job import run
from trawl.query.published import PublishedIndex
from trawl.records.video import FrameBatch, Probe, Recipe, Status, VideoFile
from trawl.schemas import VIDEOS, frames_schema
from trawl.storage import Storage
from trawl.table import frames, publish
from trawl.table.ledger import open_ledger

RED, BLUE, GRAY = (230, 30, 30), (30, 60, 220), (128, 128, 128)
FPS, SECONDS = 10, 12
# video -> colour and the seconds in which it shows; gray before and after
CORPUS = {
    "front/red.mp4": (RED, (4, 7), {"camera": "front", "take": 1}),
    "rear/blue.mp4": (BLUE, (2, 9), {"camera": "rear", "take": 2}),
    "rear/gray <b>&.mp4": (GRAY, (0, 12), {"camera": "rear", "take": 3}),
}


@dataclass
class Corpus:
    """A published index and the settings of a query over it."""

    storage: Storage
    config: QueryConfig
    videos: Path


def color_at(
    color: tuple[int, int, int], shown: tuple[int, int], time_s: float
) -> tuple[int, int, int]:
    return color if shown[0] <= time_s < shown[1] else GRAY


def write_video(path: Path, color: tuple[int, int, int], shown: tuple[int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as target:
        stream = target.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for n in range(FPS * SECONDS):
            picture = np.full((48, 64, 3), color_at(color, shown, n / FPS), np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        target.mux(stream.encode(None))


def rows_of(
    video: VideoFile, color: tuple[int, int, int], shown: tuple[int, int]
) -> pa.RecordBatch:
    """Frames every half second, as the index job would embed them."""
    times = np.arange(0, SECONDS, 0.5)
    pictures = np.stack([np.full((32, 32, 3), color_at(color, shown, t), np.uint8) for t in times])
    batch = FrameBatch(
        pictures,
        (times * FPS).astype(np.int64),
        times,
        np.full(len(times), -1, np.int32),
        np.zeros(len(times), bool),
    )
    probe = Probe("mp4", "mpeg4", 64, 48, 0, FPS, float(SECONDS), times, np.ones(len(times), bool))
    return frames_batch(video, probe, batch, FakeEmbedder().embed_images(pictures))


def ledger_row(video: VideoFile, n: int) -> dict[str, object]:
    return dict.fromkeys(VIDEOS.names) | {
        "video_id": video.video_id,
        "uri": video.uri,
        "fingerprint": f"{video.fingerprint}+abcd",
        "size_bytes": video.size_bytes,
        "status": Status.INDEXED.value,
        "attempts": 0,
        "duration_s": float(SECONDS),
        "frames_embedded": n,
        "metadata": json.dumps(dict(video.metadata)),
        "run_id": "r",
        "updated_at": datetime.now(UTC),
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    root, videos = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("videos")
    settings = StorageConfig(root=str(root))
    storage = Storage.open(settings)
    recipe = Recipe(blueprint().identity(), {"policy": "interval"}, "auto")
    uris = {name: storage.table_uri("little", recipe.key, name) for name in ("frames", "videos")}
    schema = frames_schema(64)
    frames.create_if_missing(uris["frames"], {}, schema)
    batches, ledger = [], []
    for video_id, (color, shown, metadata) in CORPUS.items():
        write_video(videos / video_id, color, shown)
        found = stat_file(str(videos / video_id), video_id, settings)
        video = VideoFile(video_id, found.uri, found.size_bytes, found.fingerprint, metadata)
        batches.append(rows_of(video, color, shown))
        ledger.append(ledger_row(video, batches[-1].num_rows))
    written = frames.write_fragments(uris["frames"], {}, schema, batches)
    frames.commit(uris["frames"], {}, written, list(CORPUS), "k")
    open_ledger(uris["videos"], {}).upsert(pa.Table.from_pylist(ledger, schema=VIDEOS))
    publish.publish(storage, "little", recipe, None)
    dataset = DatasetConfig(kind="folder", name="little", uri=str(videos))
    config = QueryConfig(
        dataset=dataset,
        storage=settings,
        search=SearchConfig(templates="none"),
        text="something red",
    )
    yield Corpus(storage, config, videos)


def quiet() -> Console:
    return Console(file=io.StringIO(), width=120)


def test_the_best_segment_is_where_it_shows(corpus: Corpus) -> None:
    console = quiet()
    outcome = run(corpus.config, console)
    best = outcome.answers[0].segments[0]
    assert best.video_id == "front/red.mp4"
    assert (best.start_s, best.end_s) == (3.0, 7.5)  # shown from 4 to 6.5, padded by 1
    assert 4 <= best.best_time_s < 7
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "front/red.mp4" in text and "00:03.0 – 00:07.5" in text and "contact_sheet.html" in text


def test_four_files_are_written(corpus: Corpus) -> None:
    outcome = run(corpus.config, quiet())
    folder = Path(outcome.folder)
    assert folder.parent == Path(corpus.storage.root) / "little" / "queries"
    table = pq.read_table(folder / "results.parquet")
    assert table.equals(outcome.table)
    assert table["uri"][0].as_py() == str(corpus.videos / "front/red.mp4")
    assert json.loads((folder / "results.json").read_text())["index"]["number"] == outcome.published
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == table.num_rows
    html = (folder / "contact_sheet.html").read_text()
    assert html.count("data:image/jpeg;base64,") == table.num_rows
    assert "gray &lt;b&gt;&amp;.mp4" in html and "<b>&" not in html


def test_a_list_of_texts_is_answered_in_one_go(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text("red\nblue\nred | gray:-0.5\n")
    outcome = run(replace(corpus.config, text=None, queries=str(tmp_path / "q.txt")), quiet())
    best = [answer.segments[0].video_id for answer in outcome.answers]
    assert best == ["front/red.mp4", "rear/blue.mp4", "front/red.mp4"]
    assert set(outcome.table["query"].to_pylist()) == {"red", "blue", "red | gray:-0.5"}


@pytest.mark.parametrize(
    ("where", "videos"),
    [
        ("camera = 'rear'", {"rear/blue.mp4", "rear/gray <b>&.mp4"}),
        ("camera = 'rear' and take < 3", {"rear/blue.mp4"}),
        ("array_has(path_parts, 'front') and duration_s > 10", {"front/red.mp4"}),
        ("duration_s > 100", set()),
    ],
)
def test_filters(where: str, videos: set[str], corpus: Corpus) -> None:
    outcome = run(
        replace(corpus.config, search=replace(corpus.config.search, where=where)), quiet()
    )
    assert set(outcome.table["video_id"].to_pylist()) == videos


@pytest.mark.parametrize(
    ("change", "error", "hint"),
    [
        ({"text": None}, ConfigError, "say what to look for"),
        ({"text": " "}, ConfigError, "text is empty"),
        ({"search": SearchConfig(where="camra = 'x'")}, ConfigError, "did you mean 'camera'"),
        ({"search": SearchConfig(where="camera =")}, ConfigError, "columns: video_id"),
        ({"search": SearchConfig(templates="clipp")}, ConfigError, "did you mean 'clip'"),
        (
            {"dataset": DatasetConfig(kind="folder", name="other", uri="/x")},
            IndexMissingError,
            "jobs.index",
        ),
    ],
    ids=["no text", "blank", "unknown column", "half a filter", "templates", "no index"],
)
def test_mistakes_are_one_line_and_write_nothing(
    change: dict[str, object], error: type[UsageError], hint: str, corpus: Corpus
) -> None:
    queries = Path(corpus.storage.root) / "little" / "queries"
    before = len(list(queries.glob("*"))) if queries.exists() else 0
    with pytest.raises(error, match=hint) as caught:
        run(replace(corpus.config, **change), quiet())  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert (len(list(queries.glob("*"))) if queries.exists() else 0) == before


@pytest.mark.parametrize("pictures", [0, 1])
def test_segments_beyond_the_pictures_are_listed_all_the_same(
    pictures: int, corpus: Corpus
) -> None:
    report = replace(corpus.config.report, thumbnails=pictures)
    outcome = run(replace(corpus.config, report=report), quiet())
    html = (Path(outcome.folder) / "contact_sheet.html").read_text()
    assert html.count("data:image/jpeg") == pictures
    assert html.count('<li class="card">') == outcome.table.num_rows > 1


def test_a_second_look(corpus: Corpus) -> None:
    """Gray videos have no red in them, whatever their cosine; one that is gone cannot be looked at
    and comes last.
    """
    path = corpus.videos / "rear/gray <b>&.mp4"
    console = quiet()
    try:
        path.rename(path.with_suffix(".away"))
        outcome = run(replace(corpus.config, rerank=20), console)
    finally:
        path.with_suffix(".away").rename(path)
    rows = outcome.table.to_pylist()
    assert (
        rows[0]["video_id"] == "front/red.mp4" and rows[0]["rerank_score"] > 0.5 * rows[0]["score"]
    )
    looked = [row["rerank_score"] for row in rows if row["video_id"] != "rear/gray <b>&.mp4"]
    assert looked == sorted(looked, reverse=True) and looked[-1] < 0.1
    assert all(row["rerank_score"] is None for row in rows[len(looked) :]) and len(looked) < len(
        rows
    )
    assert json.loads((Path(outcome.folder) / "results.json").read_text())["rerank"] == 20
    assert "rerank" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("what", ["gone", "changed", "broken"])
def test_a_missing_picture_costs_no_answer(what: str, corpus: Corpus) -> None:
    path = corpus.videos / "front/red.mp4"
    good = path.read_bytes()
    try:
        if what == "gone":
            path.unlink()
        else:
            path.write_bytes(b"other bytes" if what == "changed" else good[:40])
        outcome = run(corpus.config, quiet())
    finally:
        path.write_bytes(good)
    html = (Path(outcome.folder) / "contact_sheet.html").read_text()
    assert outcome.answers[0].segments[0].video_id == "front/red.mp4"
    assert "gone or has changed" in html
    assert html.count("data:image/jpeg") == sum(
        v != "front/red.mp4" for v in outcome.table["video_id"].to_pylist()
    )


def test_weights_that_differ_from_the_index_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    other = tmp_path / "w.safetensors"
    other.write_bytes(b"x")
    published = publish.latest(corpus.storage, "little")
    embedder = {
        **published.recipe.embedder,
        "kind": "openclip",
        "model": "ViT-B-32",
        "weights": str(other),
    }
    from trawl.models.clip import embedders as registry

    with pytest.raises(WeightsError, match="is not what made this index"):
        registry.from_recipe(embedder)


def test_a_query_imports_neither_ray_nor_torch() -> None:
    code = "import sys, trawl.query.job; print([m for m in ('ray', 'torch', 'lance', 'cv2', 'av') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("among", "listed"),
    [
        (set(CORPUS), False),
        (set(CORPUS) | {"gone.mp4"}, False),
        (set(CORPUS) - {"front/red.mp4"}, True),
        ({"rear/blue.mp4", "a.mp4", "b.mp4", "it's gone.mp4"}, True),
    ],
)
def test_searching_all_videos_by_name_is_searching_all(
    among: set[str], listed: bool, corpus: Corpus
) -> None:
    """A filter that lists a whole corpus takes longer than the search."""
    index = PublishedIndex(corpus.storage, "little", publish.latest(corpus.storage, "little"))
    assert set(index.frames(None, among)["video_id"].to_pylist()) == among & set(CORPUS)
    assert (index._within(None, among) is not None) == listed

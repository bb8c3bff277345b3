"""The public door over a small published index and a small run: what it returns, and that reading
writes nothing.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tracked import LINEAGE, RUN, clip, row, square, track

import trawl
from tests.pipelines.test_query import Corpus, corpus  # noqa: F401
from trawl.errors import ConfigError, IndexMissingError, RunError
from trawl.schemas import RESULTS, TRACKS
from trawl.track.tables import write_clip

SIZE = (24, 32)


@pytest.fixture(scope="module")
def index(corpus: Corpus) -> trawl.Index:  # noqa: F811
    return trawl.open(
        str(corpus.storage.root), "little", f"dataset.uri={corpus.videos}", "search.templates=none"
    )


def files_below(root: str) -> set[str]:
    return {str(path) for path in Path(root).rglob("*")}


def test_search_returns_the_best_segment_first_and_writes_nothing(
    index: trawl.Index,
    corpus: Corpus,  # noqa: F811
) -> None:
    before = files_below(corpus.storage.root)
    hits = index.search("something red", k=2)
    assert len(hits) == 2 and [hit.rank for hit in hits] == [1, 2]
    best = hits[0]
    assert best.video_id == "front/red.mp4" and (best.start_s, best.end_s) == (3.0, 7.5)
    assert best.start_s <= best.best_time_s < best.end_s and best.score > hits.background
    assert hits.to_arrow().schema == RESULTS and len(hits.to_pandas()) == 2
    assert files_below(corpus.storage.root) == before


def test_a_thumbnail_is_the_frame_that_was_found(index: trawl.Index) -> None:
    picture = index.search("something red", k=1)[0].thumbnail(width=64)
    assert picture.dtype == np.uint8 and picture.shape == (48, 64, 3)
    assert picture[..., 0].mean() > 150 > picture[..., 2].mean()


def test_where_limits_the_videos(index: trawl.Index) -> None:
    hits = index.search("something red", where="camera = 'rear'")
    assert hits and all(hit.video_id.startswith("rear/") for hit in hits)
    with pytest.raises(ConfigError, match="cameera"):
        index.search("something red", where="cameera = 'rear'")


@pytest.mark.parametrize(("text", "k"), [("", 5), ("   ", 5), ("red", 0), ("red", -1)])
def test_a_search_for_nothing_is_a_line(index: trawl.Index, text: str, k: int) -> None:
    with pytest.raises(ConfigError):
        index.search(text, k=k)


def test_settings_are_checked_as_it_opens(corpus: Corpus) -> None:  # noqa: F811
    root = str(corpus.storage.root)
    with pytest.raises(ConfigError, match="nonsense"):
        trawl.open(root, "little", "search.templates=nonsense")
    opened = trawl.open(
        root, "little", "+dataset=manifest", "dataset.uri=list.csv", "search.templates=none"
    )
    assert opened.search("something red", k=1)[0].video_id == "front/red.mp4"


def test_videos_are_the_ledger(index: trawl.Index) -> None:
    assert sorted(index.videos["video_id"].to_pylist()) == sorted(
        ["front/red.mp4", "rear/blue.mp4", "rear/gray <b>&.mp4"]
    )
    assert "3 videos" in repr(index)


def test_a_run_has_tracks_with_masks(index: trawl.Index, corpus: Corpus) -> None:  # noqa: F811
    shape = square(SIZE, 4, 6, 5)
    rows = [row(10, shape), row(11, None), row(12, shape)]
    write_clip(corpus.storage, "little", RUN, clip("c1"), [track(0, rows, SIZE)], LINEAGE)
    assert index.runs == [RUN]
    run = index.run()
    (only,) = run.tracks
    assert (only.track_id, only.text, only.video_id) == ("c1-0", "a red star", "cam1/a.mp4")
    masks = only.masks()
    assert masks.shape == (3, *SIZE) and masks.dtype == np.bool_
    assert (masks[0] == shape).all() and not masks[1].any()
    assert [code is None for code in only.masks(rle=True)] == [False, True, False]
    assert only.trajectory.shape == (3, 3) and only.trajectory[0] == pytest.approx(
        [1.0, 6.5, 8.5], abs=0.6
    )
    assert run.to_arrow().schema.equals(TRACKS) and len(run.to_pandas()) == 1
    with pytest.raises(RunError, match="does not exist"):
        index.run("20200101T000000Z-nobody")


def test_an_unknown_dataset_is_an_error(corpus: Corpus) -> None:  # noqa: F811
    with pytest.raises(IndexMissingError):
        trawl.open(str(corpus.storage.root), "nothing")


def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys, trawl; print(sorted({'lance', 'torch', 'pyarrow', 'numpy'} & set(sys.modules)), trawl.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "[]"

"""Search of a frames table: exact scores, filters first, no video starved, rows beyond the index
found.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest

from trawl.config.steps import SearchConfig
from trawl.errors import ConfigError
from trawl.query.nearest import FrameSearch
from trawl.schemas import frames_schema

DIM = 16
Videos = dict[str, np.ndarray]


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


QUERY = unit(np.ones(DIM))


def rows_of(videos: Videos) -> pa.Table:
    """Frames half a second apart, in reverse order of time."""
    schema = frames_schema(DIM, "float32")
    parts = []
    for video_id, vectors in videos.items():
        n = len(vectors)
        parts.append(
            pa.Table.from_arrays(
                [
                    pa.array([video_id] * n),
                    pa.array(np.arange(n)[::-1] * 15),
                    pa.array(np.arange(n)[::-1] * 0.5),
                    pa.array(np.full(n, -1, np.int32)),
                    pa.array(np.zeros(n, bool)),
                    pa.array(np.full(n, n * 0.5)),
                    pa.array([video_id.split("/")[:-1]] * n, pa.list_(pa.string())),
                    pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}"] * n)),
                    pa.FixedSizeListArray.from_arrays(
                        pa.array(vectors[::-1].astype(np.float32).ravel()), DIM
                    ),
                ],
                schema=schema,
            )
        )
    return pa.concat_tables(parts) if parts else schema.empty_table()


@pytest.fixture
def open_table(tmp_path: Path) -> Callable[[Videos], lance.LanceDataset]:
    return lambda videos: lance.write_dataset(rows_of(videos), str(tmp_path / "frames.lance"))


def at_score(score: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, DIM) unit vectors at this cosine from QUERY."""
    noise = rng.standard_normal((n, DIM))
    noise = unit(noise - (noise @ QUERY)[:, None] * QUERY)
    return score * QUERY + np.sqrt(1 - score**2) * noise


def test_scores_are_exact_and_in_time_order(
    open_table: Callable[[Videos], lance.LanceDataset],
) -> None:
    rng = np.random.default_rng(0)
    videos = {f"{n}.mp4": unit(rng.standard_normal((5, DIM))) for n in range(6)}
    found = FrameSearch(open_table(videos), SearchConfig(segments=6)).curves(QUERY)
    assert [curve.video_id for curve in found] == sorted(
        videos, key=lambda v: -(videos[v] @ QUERY).max()
    )
    for curve in found:
        np.testing.assert_allclose(curve.scores, videos[curve.video_id] @ QUERY, atol=1e-6)
        np.testing.assert_array_equal(curve.frame_index, np.arange(5) * 15)
        np.testing.assert_allclose(curve.times_s, np.arange(5) * 0.5)


def test_one_video_full_of_hits_does_not_starve_the_others(
    open_table: Callable[[Videos], lance.LanceDataset],
) -> None:
    rng = np.random.default_rng(0)
    videos = {"static.mp4": at_score(0.9, 5000, rng)} | {
        f"{n}.mp4": at_score(0.5, 3, rng) for n in range(4)
    }
    found = FrameSearch(open_table(videos), SearchConfig(segments=5, frames=10)).curves(QUERY)
    assert found[0].video_id == "static.mp4"
    assert {curve.video_id for curve in found} == set(videos)
    assert len(found[0].scores) == 5000


def test_filters_come_first(open_table: Callable[[Videos], lance.LanceDataset]) -> None:
    rng = np.random.default_rng(0)
    videos = {f"a/{n}.mp4": at_score(0.9, 50, rng) for n in range(10)} | {
        "b/x.mp4": at_score(0.1, 5, rng)
    }
    search = FrameSearch(
        open_table(videos), SearchConfig(frames=5), "array_has(path_parts, 'b') AND time_s < 1"
    )
    (curve,) = search.curves(QUERY)
    assert curve.video_id == "b/x.mp4" and list(curve.times_s) == [0.0, 0.5]


def test_a_bad_filter_is_one_line(open_table: Callable[[Videos], lance.LanceDataset]) -> None:
    search = FrameSearch(open_table({"a.mp4": QUERY[None]}), SearchConfig(), "duration_s >")
    with pytest.raises(ConfigError, match="columns: video_id") as caught:
        search.curves(QUERY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "videos", [{}, {'it\'s, "x".mp4': QUERY[None]}], ids=["no rows", "odd name"]
)
def test_edges(videos: Videos, open_table: Callable[[Videos], lance.LanceDataset]) -> None:
    search = FrameSearch(open_table(videos), SearchConfig(frames=1, segments=3))
    assert [curve.video_id for curve in search.curves(QUERY)] == list(videos)
    assert search.background(QUERY) == pytest.approx(1.0 if videos else 0.0)


def test_the_background_is_a_typical_frames_score(
    open_table: Callable[[Videos], lance.LanceDataset],
) -> None:
    rng = np.random.default_rng(0)
    table = open_table({"hits.mp4": at_score(0.9, 30, rng), "rest.mp4": at_score(0.2, 70, rng)})
    assert FrameSearch(table, SearchConfig()).background(QUERY) == pytest.approx(0.2, abs=1e-4)


def test_a_vector_index_changes_no_answer_and_hides_no_new_row(
    open_table: Callable[[Videos], lance.LanceDataset],
) -> None:
    rng = np.random.default_rng(0)
    table = open_table({f"{n}.mp4": unit(rng.standard_normal((20, DIM))) for n in range(50)})
    config = SearchConfig(segments=8, frames=60, nprobes=2)
    before = FrameSearch(table, config).curves(QUERY)
    table = table.create_index("embedding", "IVF_FLAT", metric="cosine", num_partitions=4)
    with_all = FrameSearch(table, replace(config, nprobes=4)).curves(QUERY)
    assert [curve.video_id for curve in with_all] == [curve.video_id for curve in before]
    table = lance.write_dataset(rows_of({"new.mp4": QUERY[None]}), table.uri, mode="append")
    assert FrameSearch(table, config).curves(QUERY)[0].video_id == "new.mp4"

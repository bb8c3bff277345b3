"""Rows of the frames table from one video's pictures."""

import json

import numpy as np
import pyarrow as pa
import pytest

from trawl.index.embed import frames_batch, path_parts
from trawl.records.video import FrameBatch, Probe, VideoFile
from trawl.schemas import frames_schema

PROBE = Probe("mp4", "h264", 64, 48, 0, 2.0, 2.5, np.arange(3.0), np.ones(3, bool))


def batch(n: int) -> FrameBatch:
    return FrameBatch(
        frames=np.zeros((n, 4, 4, 3), np.uint8),
        frame_index=np.arange(n, dtype=np.int64) * 10,
        time_s=np.arange(n) * 0.5,
        shot=np.full(n, -1, np.int32),
        substituted=np.arange(n) == 1,
    )


def vectors(n: int, dim: int = 8) -> np.ndarray:
    raw = np.random.default_rng(0).standard_normal((n, dim)).astype(np.float32)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


def video(**metadata: object) -> VideoFile:
    return VideoFile("cam1/day/a.mp4", "/x/a.mp4", 1, "f", metadata)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_rows_fit_the_schema(n: int, dtype: str) -> None:
    rows = frames_batch(video(camera="front"), PROBE, batch(n), vectors(n), dtype)
    assert rows.schema.equals(frames_schema(8, dtype), check_metadata=True)
    assert rows.num_rows == n
    rows.validate(full=True)


def test_every_column_says_what_it_should() -> None:
    row = frames_batch(
        video(camera="Süd", take=3), PROBE, batch(2), vectors(2), "float32"
    ).to_pylist()[1]
    np.testing.assert_allclose(row.pop("embedding"), vectors(2)[1])
    assert json.loads(row.pop("metadata")) == {"camera": "Süd", "take": 3}
    assert row == {
        "video_id": "cam1/day/a.mp4",
        "frame_index": 10,
        "time_s": 0.5,
        "shot": -1,
        "substituted": True,
        "duration_s": 2.5,
        "path_parts": ["cam1", "day"],
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v[:1], "2 pictures, but embeddings of shape"),
        (lambda v: v[0], "2 pictures"),
        (lambda v: np.where(v == v.max(), np.nan, v), "1 of 2 embeddings are not finite"),
        (lambda v: v * 2, "unit length"),
        (lambda v: v * 0, "unit length"),
    ],
    ids=["too few", "one dimension", "not a number", "too long", "zero"],
)
def test_refuses_what_would_poison_a_table(change: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        frames_batch(video(), PROBE, batch(2), change(vectors(2)))  # type: ignore[operator]


def test_half_precision_keeps_the_direction() -> None:
    rows = frames_batch(video(), PROBE, batch(3), vectors(3, 512))
    stored = np.array(pa.array(rows["embedding"]).to_pylist(), np.float32)
    assert ((stored * vectors(3, 512)).sum(axis=1) > 0.99999).all()


@pytest.mark.parametrize(
    ("video_id", "parts"), [("a.mp4", []), ("x/a.mp4", ["x"]), ("x/y z/ü/a.mp4", ["x", "y z", "ü"])]
)
def test_path_parts(video_id: str, parts: list[str]) -> None:
    assert path_parts(video_id) == parts

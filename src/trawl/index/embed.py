"""One video's pictures and their embeddings as rows of `frames.lance`.

Refuses what would poison a table: vectors that are not finite or not of unit length. Knows nothing
of models, of decoding or of where rows are written.
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from trawl.records.arrays import Embeddings
from trawl.records.video import FrameBatch, Probe, VideoFile
from trawl.schemas import frames_schema

_LENGTH_TOLERANCE = 1e-3


def frames_batch(
    video: VideoFile,
    probe: Probe,
    batch: FrameBatch,
    embeddings: Embeddings,
    dtype: str = "float16",
) -> pa.RecordBatch:
    """The rows of N sampled pictures.

    Args:
        video: whose pictures they are.
        probe: its duration goes into every row, to filter on.
        batch: N pictures with their positions and times.
        embeddings: (N, D) float32, unit length, in the order of the batch.
        dtype: "float16" or "float32", of the stored vectors.

    Returns:
        N rows of `schemas.frames_schema(D, dtype)`.

    Raises:
        ValueError: the embeddings are not N finite vectors of unit length.
    """
    n = len(batch)
    check_embeddings(embeddings, n)
    schema = frames_schema(embeddings.shape[1], dtype)
    if n == 0:
        return pa.RecordBatch.from_pylist([], schema)
    vectors = pa.array(
        embeddings.astype(dtype).reshape(-1), schema.field("embedding").type.value_type
    )
    columns = [
        _repeated(video.video_id, n, pa.string()),
        pa.array(batch.frame_index, pa.int64()),
        pa.array(batch.time_s, pa.float64()),
        pa.array(batch.shot, pa.int32()),
        pa.array(batch.substituted, pa.bool_()),
        _repeated(probe.duration_s, n, pa.float64()),
        _repeated(path_parts(video.video_id), n, pa.list_(pa.string())),
        pa.ExtensionArray.from_storage(
            pa.json_(), _repeated(_as_json(video.metadata), n, pa.string())
        ),
        pa.FixedSizeListArray.from_arrays(vectors, embeddings.shape[1]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def path_parts(video_id: str) -> list[str]:
    """The folders of a video's path, outermost first.

    >>> path_parts("cam1/2026-11-21/a.mp4")
    ['cam1', '2026-11-21']
    """
    return list(PurePosixPath(video_id).parts[:-1])


def check_embeddings(embeddings: Embeddings, n: int) -> None:
    """Raise ValueError unless these are (n, D) finite float vectors of unit length."""
    if embeddings.ndim != 2 or len(embeddings) != n:
        raise ValueError(f"{n} pictures, but embeddings of shape {embeddings.shape}")
    if not np.isfinite(embeddings).all():
        raise ValueError(
            f"{int((~np.isfinite(embeddings)).any(axis=1).sum())} of {n} embeddings are not finite"
        )
    lengths = np.linalg.norm(embeddings.astype(np.float32), axis=1)
    if n and abs(lengths - 1).max() > _LENGTH_TOLERANCE:
        raise ValueError(
            f"embeddings must have unit length, got {lengths.min():.4f} to {lengths.max():.4f}"
        )


def _as_json(metadata: Mapping[str, Any]) -> str:
    """Dates and the like become text, as a filter would write them."""
    return json.dumps(dict(metadata), sort_keys=True, default=str, ensure_ascii=False)


def _repeated(value: object, n: int, kind: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), n)

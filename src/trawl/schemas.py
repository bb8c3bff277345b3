"""Every table's columns, once. A column's name is written here and nowhere else is it decided.

Times are seconds (`_s`), positions are frame positions (`_index`); see `records.py`.
"""

import pyarrow as pa

SCHEMA_VERSION = 1
_VERSION = {b"trawl.schema_version": str(SCHEMA_VERSION).encode()}


def frames_schema(dim: int, dtype: str = "float16") -> pa.Schema:
    """`frames.lance`: one row per embedded frame.

    Args:
        dim: D, the size of an embedding.
        dtype: "float16" or "float32".
    """
    value = {"float16": pa.float16(), "float32": pa.float32()}[dtype]
    return pa.schema(
        [
            pa.field("video_id", pa.string(), nullable=False),
            pa.field("frame_index", pa.int64(), nullable=False),
            pa.field("time_s", pa.float64(), nullable=False),
            pa.field("shot", pa.int32(), nullable=False),  # -1: the sampling policy finds no shots
            pa.field("substituted", pa.bool_(), nullable=False),
            pa.field("duration_s", pa.float64(), nullable=False),
            pa.field("path_parts", pa.list_(pa.string()), nullable=False),  # folders of video_id, outermost first
            pa.field("metadata", pa.json_(), nullable=False),  # a manifest's columns, {} without one; filters read it
            pa.field("embedding", pa.list_(value, dim), nullable=False),
        ],
        metadata=_VERSION,
    )


# `videos.lance`, the ledger: one row per video and what became of it.
VIDEOS = pa.schema(
    [
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("fingerprint", pa.string(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("status", pa.string(), nullable=False),  # records.Status
        pa.field("reason", pa.string()),  # records.Reason, null when indexed or removed
        pa.field("message", pa.string()),
        pa.field("attempts", pa.int32(), nullable=False),  # failed ones since the fingerprint last changed
        pa.field("duration_s", pa.float64()),
        pa.field("fps", pa.float64()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("rotation_deg", pa.int32()),
        pa.field("container", pa.string()),
        pa.field("codec", pa.string()),
        pa.field("decoder", pa.string()),  # who gave the pictures; tracking uses the same
        pa.field("num_frames", pa.int64()),  # in the container
        pa.field("frames_decoded", pa.int64()),
        pa.field("frames_embedded", pa.int64()),
        pa.field("frames_substituted", pa.int64()),
        pa.field("damage", pa.string()),  # what was wrong with a video that was indexed all the same
        pa.field("metadata", pa.string(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("updated_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ],
    metadata=_VERSION,
)

# A query's answer: one row per segment, best first within a query.
RESULTS = pa.schema(
    [
        pa.field("query", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),  # 1 is best
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("start_s", pa.float64(), nullable=False),
        pa.field("end_s", pa.float64(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("best_index", pa.int64(), nullable=False),
        pa.field("best_time_s", pa.float64(), nullable=False),
        pa.field("num_hits", pa.int32(), nullable=False),
        pa.field("fingerprint", pa.string(), nullable=False),
        pa.field("recipe", pa.string(), nullable=False),
    ],
    metadata=_VERSION,
)

# Ground truth of the demo corpus: one row per (object, frame in which it exists).
TRUTH_OBJECTS = pa.schema(
    [
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),  # train, val or test
        pa.field("object_id", pa.int32(), nullable=False),  # identity inside the video
        pa.field("frame_index", pa.int64(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field("color", pa.string(), nullable=False),
        pa.field("shape", pa.string(), nullable=False),
        pa.field("size", pa.string(), nullable=False),  # small, medium or large
        pa.field("box", pa.list_(pa.float32(), 4), nullable=False),  # of the visible part, xyxy pixels as displayed
        pa.field("area", pa.int64(), nullable=False),  # visible pixels
        pa.field("visibility", pa.float32(), nullable=False),  # visible pixels over the unoccluded object's, 0-1
        pa.field("rle", pa.string(), nullable=False),  # COCO compressed RLE of the visible part, at display size
        pa.field("height", pa.int32(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
    ],
    metadata=_VERSION,
)

# One row per video of the demo corpus.
TRUTH_VIDEOS = pa.schema(
    [
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("num_frames", pa.int64(), nullable=False),
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("fps", pa.float64(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),  # as displayed
        pa.field("height", pa.int32(), nullable=False),
        pa.field("rotation_deg", pa.int32(), nullable=False),
        pa.field("variable_rate", pa.bool_(), nullable=False),
        pa.field("captions", pa.list_(pa.string()), nullable=False),
    ],
    metadata=_VERSION,
)

"""Every table's columns, once. A column's name is written here and nowhere else is it decided.

Times are seconds (`_s`), positions are frame positions (`_index`); see `records/video.py`.
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
            # folders of video_id, outermost first
            pa.field("path_parts", pa.list_(pa.string()), nullable=False),
            # a manifest's columns, {} without one; filters read it
            pa.field("metadata", pa.json_(), nullable=False),
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
        # failed ones since the fingerprint last changed
        pa.field("attempts", pa.int32(), nullable=False),
        pa.field("duration_s", pa.float64()),
        pa.field("fps", pa.float64()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("rotation_deg", pa.int32()),
        pa.field("container", pa.string()),
        pa.field("codec", pa.string()),
        pa.field("decoder", pa.string()),  # "pyav" or "decord", of the sampled pictures
        pa.field("num_frames", pa.int64()),  # in the container
        pa.field("frames_decoded", pa.int64()),
        pa.field("frames_embedded", pa.int64()),
        pa.field("frames_substituted", pa.int64()),
        # what was wrong with a video that was indexed all the same
        pa.field("damage", pa.string()),
        pa.field("metadata", pa.string(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("updated_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ],
    metadata=_VERSION,
)

# What `jobs.failures` lists: of each failed video what became of it, and the run that says more.
# Its uri is left out: one of a manifest may hold a signature.
FAILURES = pa.schema(
    [
        VIDEOS.field(name)
        for name in (
            "video_id",
            "status",
            "reason",
            "message",
            "attempts",
            "size_bytes",
            "updated_at",
            "run_id",
        )
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
        pa.field("score", pa.float64(), nullable=False),  # cosine of the best frame
        # what the order follows after a second look; null without one
        pa.field("rerank_score", pa.float64()),
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
        # of the visible part, xyxy pixels as displayed
        pa.field("box", pa.list_(pa.float32(), 4), nullable=False),
        pa.field("area", pa.int64(), nullable=False),  # visible pixels
        # visible pixels over the unoccluded object's, 0-1
        pa.field("visibility", pa.float32(), nullable=False),
        # COCO compressed RLE of the visible part, at display size
        pa.field("rle", pa.string(), nullable=False),
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

# `runs/<run_id>/masks/<clip_id>.parquet`: one row per (track, frame).
MASKS = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("track_id", pa.string(), nullable=False),  # <clip_id>-<number>, unique in the run
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("frame_index", pa.int64(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field(
            "box", pa.list_(pa.float32(), 4), nullable=False
        ),  # xyxy pixels of the tracked picture; a guess if inferred
        pa.field("area", pa.int64(), nullable=False),  # pixels of the mask, 0 without one
        pa.field("score", pa.float32(), nullable=False),  # the tracker's, 0-1
        pa.field("visibility", pa.string(), nullable=False),  # records.Visibility
        pa.field("rle", pa.string()),  # COCO compressed RLE at height x width, null without a mask
        pa.field("height", pa.int32(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("flags", pa.list_(pa.string()), nullable=False),  # records.Flag
    ],
    metadata=_VERSION,
)

# `runs/<run_id>/tracks/<clip_id>.parquet`: one row per followed object, with its lineage.
TRACKS = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("track_id", pa.string(), nullable=False),
        pa.field("clip_id", pa.string(), nullable=False),
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),  # the phrase that named it
        pa.field("clip_start_s", pa.float64(), nullable=False),  # the stretch that was searched
        pa.field("clip_end_s", pa.float64(), nullable=False),
        pa.field("start_s", pa.float64(), nullable=False),  # first and last frame of the track
        pa.field("end_s", pa.float64(), nullable=False),
        pa.field("start_index", pa.int64(), nullable=False),
        pa.field("end_index", pa.int64(), nullable=False),
        pa.field("num_masks", pa.int64(), nullable=False),
        pa.field("num_inferred", pa.int64(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        # cosine of the text and the segment's best frame
        pa.field("retrieval_score", pa.float64(), nullable=False),
        pa.field("grounding_score", pa.float32(), nullable=False),  # of the best detection
        # over the searched frames; null in runs of an earlier Trawl
        pa.field("grounding_mean", pa.float32()),
        pa.field("mean_score", pa.float32(), nullable=False),  # of the masks
        pa.field(
            "trajectory",
            pa.list_(
                pa.struct(
                    [
                        pa.field("time_s", pa.float64(), nullable=False),
                        # centre of the mask, or the model's guess
                        pa.field("x", pa.float32(), nullable=False),
                        pa.field("y", pa.float32(), nullable=False),
                        pa.field("inferred", pa.bool_(), nullable=False),
                    ]
                )
            ),
            nullable=False,
        ),
        pa.field("mean_speed", pa.float32(), nullable=False),  # pixels per second
        pa.field("max_speed", pa.float32(), nullable=False),
        pa.field("direction_deg", pa.float32()),  # 0 right, 90 down; null where it did not move
        pa.field(
            "gaps",
            pa.list_(
                pa.struct(
                    [
                        pa.field("start_s", pa.float64(), nullable=False),
                        pa.field("end_s", pa.float64(), nullable=False),
                    ]
                )
            ),
            nullable=False,
        ),
        pa.field("flags", pa.list_(pa.string()), nullable=False),
        pa.field("appearance", pa.list_(pa.float32()), nullable=False),
        pa.field("fingerprint", pa.string(), nullable=False),  # of the video's bytes
        pa.field("recipe", pa.string(), nullable=False),  # of the index that found the segment
        # "<model>/<weights>@<sha256> <precision>", as of the two below
        pa.field("embedder", pa.string(), nullable=False),
        pa.field("grounder", pa.string(), nullable=False),
        pa.field("tracker", pa.string(), nullable=False),
        pa.field("config_hash", pa.string(), nullable=False),  # of all settings that change a track
        pa.field("created_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ],
    metadata=_VERSION,
)

# `runs/<run_id>/evaluation/metrics.parquet`: one row per (metric, slice).
METRICS = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("dataset", pa.string(), nullable=False),
        # retrieval, masks, tracking, end_to_end, cost, robustness
        pa.field("family", pa.string(), nullable=False),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("slice", pa.string(), nullable=False),  # "all", or a kind of question or object
        pa.field("value", pa.float64()),  # null where it cannot be computed
        pa.field("why", pa.string(), nullable=False),  # it cannot; "" where it can
        pa.field("unit", pa.string(), nullable=False),
        pa.field("better", pa.string(), nullable=False),  # higher, lower or ""
        pa.field("count", pa.int64()),  # things that it was taken over
        # of the settings that made the tracks
        pa.field("config_hash", pa.string(), nullable=False),
        pa.field("publication", pa.int64(), nullable=False),  # of the index
        pa.field("created_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ],
    metadata=_VERSION,
)

# `cache/<stage>/...`: what reuse remembers of a stretch of a video, by a digest of all that it
# depends on; see `track/reuse/`.
_KEY = [
    pa.field("key", pa.string(), nullable=False),
    pa.field("cpu_s", pa.float64(), nullable=False),  # CPU seconds that it took
]
DETECTED = pa.schema(
    [
        *_KEY,
        pa.field("box", pa.list_(pa.float32()), nullable=False),  # four numbers each
        pa.field("score", pa.list_(pa.float32()), nullable=False),
        pa.field("phrase", pa.list_(pa.int64()), nullable=False),  # which of those asked for
        pa.field("rle", pa.list_(pa.string())),  # null from a grounder that gives boxes only
    ]
)
PROPAGATED = pa.schema(
    [
        *_KEY,
        pa.field("height", pa.int32(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        # in the chunk, in the order of following
        pa.field("position", pa.list_(pa.int64()), nullable=False),
        pa.field("score", pa.list_(pa.float32()), nullable=False),
        pa.field("rle", pa.list_(pa.string()), nullable=False),
    ]
)
SEEN = pa.schema([*_KEY, pa.field("embedding", pa.list_(pa.float32()), nullable=False)])

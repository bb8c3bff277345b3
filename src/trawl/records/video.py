"""Defines what travels between the steps: frozen records, and the conventions of every file.

    T frames    H W pixels    N boxes or images    K objects    D embedding size    Q texts

    frames      RGB uint8 (T, H, W, 3)
    boxes       float32 xyxy in pixels, right and bottom exclusive
    *_s         float64 seconds; a frame's time is its true presentation time, start offset included
    *_index     int64 frame position in presentation order, 0-based
    embeddings  unit length

Knows nothing of storage, torch or Ray. A record is complete when it is made: no later stage fills a
field in.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trawl.records.arrays import Frames, Indices, Times

# Raised by hand when our own code would embed a frame differently, or when the columns of the
# frames table or the ledger change in another way than by new ones that may be null
# (tests/unit/test_schemas.py). Part of
# every recipe, so that new tables are built beside those that queries read.
PROCESSING_VERSION = 1


class Reason(StrEnum):
    """Names the reason for which a video is not indexed.

    A closed list: the ledger, the summary and `retry=<reason>` use these words.
    """

    EMPTY_FILE = "empty_file"  # zero bytes
    NOT_A_VIDEO = "not_a_video"  # no known container starts like this (text, pictures, archives)
    # a playlist or concat script, whatever its name: it would open other files
    PLAYLIST = "playlist"
    NO_VIDEO_STREAM = "no_video_stream"  # audio or subtitles only
    UNSUPPORTED_CODEC = "unsupported_codec"  # a container we read, a codec that neither decoder has
    TRUNCATED = "truncated"  # the container's index is missing: nothing can be decoded
    # the container or its packets contradict themselves: nothing usable was decoded
    CORRUPT = "corrupt"
    NO_FRAMES = "no_frames"  # opened well and holds no picture
    TOO_LARGE = "too_large"  # more pixels a frame, or more bytes, than the limits allow
    OUT_OF_MEMORY = "out_of_memory"  # the decoder hit its memory limit
    DECODER_CRASHED = "decoder_crashed"  # the decoder's process died
    DECODER_TIMEOUT = "decoder_timeout"  # the decoder passed its deadline
    UNREADABLE = "unreadable"  # the storage refused or lost the file's bytes
    WORKER_DIED = "worker_died"  # the actor or its node went away while it had the video
    SET_ASIDE = "set_aside"  # somebody put it in quarantine by hand; nothing need be wrong with it


# Outcomes another attempt may change; the others stay until the file's bytes change.
PASSING_REASONS = frozenset(
    {
        Reason.OUT_OF_MEMORY,
        Reason.DECODER_CRASHED,
        Reason.DECODER_TIMEOUT,
        Reason.UNREADABLE,
        Reason.WORKER_DIED,
    }
)


class Status(StrEnum):
    """Names what became of a video, as the ledger has it."""

    INDEXED = "indexed"
    FAILED = "failed"
    # failed on three attempts, or set aside; left alone until its fingerprint changes
    QUARANTINED = "quarantined"
    # failed or quarantined, and somebody asked for it again: the next run takes it up
    RETRY = "retry"
    REMOVED = "removed"  # no longer in the corpus; its rows are gone


def safe_name(video_id: str) -> str:
    """A video's id as the name of a folder or file; a hash where letters had to go.

    >>> safe_name("clip_7.mp4"), safe_name("cam 1/a.mp4")
    ('clip_7.mp4', 'cam-1-a.mp4-6b3611')
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", video_id).lstrip(".-")[:80]
    return (
        plain
        if plain == video_id
        else f"{plain}-{hashlib.sha256(video_id.encode()).hexdigest()[:6]}"
    )


@dataclass(frozen=True, slots=True)
class VideoFile:
    """One file of the corpus, as listed. Nothing of it has been read yet.

    video_id: path inside the dataset, "/" as separator; stable when the corpus moves.
    uri: where to open it: a local path or an fsspec URI.
    fingerprint: changes when the bytes do: the object's etag, or size and mtime.
    metadata: columns of a manifest, to filter on; empty for folders.
    """

    video_id: str
    uri: str
    size_bytes: int
    fingerprint: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metadata_json(self) -> str:
        """The metadata as tables keep it."""
        return json.dumps(dict(self.metadata), sort_keys=True, default=str)


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """The picture a model sees. `size` in pixels, square.

    aspect: "center_crop" scales the short side to `size` and cuts the middle; "squash" scales both
    sides; "pad" scales the long side and fills the rest with `fill` (RGB 0-255). interpolation:
    "bicubic" or "bilinear", both antialiased.
    """

    size: int
    aspect: str
    interpolation: str = "bicubic"
    fill: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Probe:
    """Holds what the container says of its first video stream; nothing is decoded.

    times_s (T,) float64 presentation times, increasing, start offset included; keyframe (T,) bool,
    in the same order. T is the count of packets that present a picture. width, height as displayed,
    after rotation_deg (clockwise, 0/90/180/270). fps is the average rate, T-1 over the time between
    first and last picture (0.0 for a single frame).
    """

    container: str
    codec: str
    width: int
    height: int
    rotation_deg: int
    fps: float
    duration_s: float
    times_s: Times
    keyframe: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.times_s.shape != self.keyframe.shape:
            raise ValueError(
                f"times_s {self.times_s.shape} and keyframe {self.keyframe.shape} differ in length"
            )


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Sampled pictures of one video, ready for a model: small uint8, never float.

    frames (N, S, S, 3) uint8 RGB; frame_index (N,) int64; time_s (N,) float64; shot (N,) int32,
    counting from 0 and -1 where the sampling policy finds no shots; substituted (N,) bool: the
    decoder concealed damage in this picture or gave a neighbour's.
    """

    frames: Frames
    frame_index: Indices
    time_s: Times
    shot: NDArray[np.int32]
    substituted: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = len(self.frames)
        lengths = {
            "frame_index": len(self.frame_index),
            "time_s": len(self.time_s),
            "shot": len(self.shot),
        }
        lengths["substituted"] = len(self.substituted)
        if any(length != n for length in lengths.values()):
            raise ValueError(f"{n} frames, but {lengths}")

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """Reports how the decoding of one video, or of one span of it, went.

    decoder: "decord" or "pyav", whichever gave the pictures. frames_decoded counts pictures the
    decoder produced, frames_sampled those handed on, frames_substituted those of the sampled that
    are flagged. damage: what was wrong with a video that was indexed all the same ("" when nothing
    was). cpu_s: CPU seconds of the decoding process; peak_mb: the most memory that was resident in
    it, MiB, of which its libraries take the first part.
    """

    probe: Probe
    decoder: str
    frames_decoded: int
    frames_sampled: int
    frames_substituted: int
    damage: str
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that changes an embedding, so that equal recipes may share a table.

    embedder: model name, weights (name or path) and their hash, image spec, normalisation,
    precision: all a query needs to embed text the same way. sampling and decoder: as configured.
    """

    embedder: Mapping[str, Any]
    sampling: Mapping[str, Any]
    decoder: str
    processing_version: int = PROCESSING_VERSION

    @property
    def key(self) -> str:
        """12 hex digits. The same for equal content, whatever the order of its keys."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


MAX_ATTEMPTS = 3

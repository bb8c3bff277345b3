"""What travels between the steps: frozen records, and the conventions every file follows.

    T frames    H W pixels    N boxes or images    K objects    D embedding size    Q texts

    frames      RGB uint8 (T, H, W, 3)
    boxes       float32 xyxy in pixels, right and bottom exclusive
    *_s         float64 seconds; a frame's time is its true presentation time, start offset included
    *_index     int64 frame position in presentation order, 0-based
    embeddings  unit length

Knows nothing of storage, torch or Ray. A record is complete when it is made: no later stage fills a field in.
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

Frames = NDArray[np.uint8]  # (T, H, W, 3)
Embeddings = NDArray[np.float32]  # (N, D), unit length
Times = NDArray[np.float64]  # (T,), seconds
Indices = NDArray[np.int64]  # (T,)

# Raised by hand when our own code would embed a frame differently, or when the columns of the frames table or the ledger
# change in another way than by new ones that may be null (tests/unit/test_schemas.py). Part of every recipe, so that new tables
# are built beside those that queries read.
PROCESSING_VERSION = 1


class Reason(StrEnum):
    """Why a video is not indexed. A closed list: the ledger, the summary and `retry=<reason>` use these words."""

    EMPTY_FILE = "empty_file"  # zero bytes
    NOT_A_VIDEO = "not_a_video"  # no known container starts like this (text, pictures, archives)
    PLAYLIST = "playlist"  # a playlist or concat script, whatever its name: it would open other files
    NO_VIDEO_STREAM = "no_video_stream"  # audio or subtitles only
    UNSUPPORTED_CODEC = "unsupported_codec"  # a container we read, a codec that neither decoder has
    TRUNCATED = "truncated"  # the container's index is missing: nothing can be decoded
    CORRUPT = "corrupt"  # the container or its packets contradict themselves: nothing usable was decoded
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
    {Reason.OUT_OF_MEMORY, Reason.DECODER_CRASHED, Reason.DECODER_TIMEOUT, Reason.UNREADABLE, Reason.WORKER_DIED}
)


class Status(StrEnum):
    """What became of a video, as the ledger says it."""

    INDEXED = "indexed"
    FAILED = "failed"
    QUARANTINED = "quarantined"  # failed on three attempts, or set aside; left alone until its fingerprint changes
    RETRY = "retry"  # failed or quarantined, and somebody asked for it again: the next run takes it up
    REMOVED = "removed"  # no longer in the corpus; its rows are gone


def safe_name(video_id: str) -> str:
    """A video's id as the name of a folder or file; a hash where letters had to go.

    >>> safe_name("clip_7.mp4"), safe_name("cam 1/a.mp4")
    ('clip_7.mp4', 'cam-1-a.mp4-6b3611')
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", video_id).lstrip(".-")[:80]
    return plain if plain == video_id else f"{plain}-{hashlib.sha256(video_id.encode()).hexdigest()[:6]}"


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

    aspect: "center_crop" scales the short side to `size` and cuts the middle; "squash" scales both sides; "pad" scales the
    long side and fills the rest with `fill` (RGB 0-255). interpolation: "bicubic" or "bilinear", both antialiased.
    """

    size: int
    aspect: str
    interpolation: str = "bicubic"
    fill: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Probe:
    """What the container says of its first video stream, decoded nothing.

    times_s (T,) float64 presentation times, increasing, start offset included; keyframe (T,) bool, in the same order.
    T is the count of packets that present a picture. width, height as displayed, after rotation_deg (clockwise, 0/90/180/270).
    fps is the average rate, T-1 over the time between first and last picture (0.0 for a single frame).
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
            raise ValueError(f"times_s {self.times_s.shape} and keyframe {self.keyframe.shape} differ in length")


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Sampled pictures of one video, ready for a model: small uint8, never float.

    frames (N, S, S, 3) uint8 RGB; frame_index (N,) int64; time_s (N,) float64; shot (N,) int32, counting from 0 and -1 where
    the sampling policy finds no shots; substituted (N,) bool: the decoder concealed damage in this picture or gave a
    neighbour's.
    """

    frames: Frames
    frame_index: Indices
    time_s: Times
    shot: NDArray[np.int32]
    substituted: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = len(self.frames)
        lengths = {"frame_index": len(self.frame_index), "time_s": len(self.time_s), "shot": len(self.shot)}
        lengths["substituted"] = len(self.substituted)
        if any(length != n for length in lengths.values()):
            raise ValueError(f"{n} frames, but {lengths}")

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """How the decoding of one video, or one span of it, went.

    decoder: "decord" or "pyav", whichever gave the pictures. frames_decoded counts pictures the decoder produced,
    frames_sampled those handed on, frames_substituted those of the sampled that are flagged. damage: what was wrong with a
    video that was indexed all the same ("" when nothing was). cpu_s: CPU seconds of the decoding process; peak_mb: the most
    memory that was resident in it, MiB, of which its libraries take the first part.
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

    embedder: model name, weights (name or path) and their hash, image spec, normalisation, precision: all a query needs to
    embed text the same way. sampling and decoder: as configured.
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


@dataclass(frozen=True, slots=True)
class Hit:
    """One frame that a query found. score is the cosine similarity of text and frame."""

    video_id: str
    frame_index: int
    time_s: float
    score: float


@dataclass(frozen=True, slots=True)
class ScoreCurve:
    """How well each frame of one video answers a text.

    times_s (T,) float64 increasing; frame_index (T,) int64; scores (T,) float32 cosine similarity; duration_s of the video.
    """

    video_id: str
    duration_s: float
    times_s: Times
    frame_index: Indices
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        if not len(self.times_s) == len(self.frame_index) == len(self.scores):
            raise ValueError(f"{len(self.times_s)} times, {len(self.frame_index)} positions, {len(self.scores)} scores")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one video in which the text is likely seen: [start_s, end_s), scored by its hits.

    best_index, best_time_s: the hit with the highest score; num_hits: frames that support the segment; rerank_score: that of a
    second look at the best hit, see `query/rerank.py`, or None.
    """

    video_id: str
    start_s: float
    end_s: float
    score: float
    best_index: int
    best_time_s: float
    num_hits: int
    rerank_score: float | None = None

    @property
    def rank_key(self) -> float:
        """What segments of an answer are ordered by, highest first: those that were looked at again (0-1) before the rest."""
        return self.score - 2 if self.rerank_score is None else self.rerank_score


@dataclass(frozen=True, slots=True)
class Detections:
    """What a grounder found on one frame, best first.

    boxes (N, 4) float32 xyxy pixels; scores (N,) float32, 0-1, comparable between frames and phrases of one grounder; phrase (N,)
    int64, which of the phrases asked for; masks (N, H, W) bool, or None from a grounder that gives boxes only. N may be 0.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    phrase: Indices
    masks: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        n = len(self.boxes)
        if not n == len(self.scores) == len(self.phrase) == (n if self.masks is None else len(self.masks)):
            raise ValueError(f"{n} boxes, but {len(self.scores)} scores and {len(self.phrase)} phrases, or other masks")

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, slots=True)
class Prompt:
    """Where one object is on one frame, as a tracker is told it: a mask, or a box and points in any combination.

    object_id: of the session. position: of the frame among the session's, 0-based. box (4,) float32 xyxy pixels; points (P, 2)
    float32 xy pixels with labels (P,) int64, 1 on the object and 0 beside it; mask (H, W) bool.
    """

    object_id: int
    position: int
    box: NDArray[np.float32] | None = None
    points: NDArray[np.float32] | None = None
    labels: Indices | None = None
    mask: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if (self.mask is not None) == (self.box is not None or self.points is not None):
            raise ValueError("a prompt is a mask, or else a box, points or both")
        if (self.points is None) != (self.labels is None) or (
            self.points is not None and self.labels is not None and len(self.points) != len(self.labels)
        ):
            raise ValueError("points and labels come together, one label a point")


@dataclass(frozen=True, slots=True)
class TrackedFrame:
    """All followed objects on one frame of a session.

    position: of the frame. object_ids (K,) int64, in the order of the prompts; masks (K, H, W) bool, all false where the
    object is not seen; scores (K,) float32, 0-1: the tracker's own estimate of the mask's quality times that of
    the object's presence.
    """

    position: int
    object_ids: Indices
    masks: NDArray[np.bool_]
    scores: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Target:
    """What to look for in a clip: a phrase, how well its segment answered it, and the time of its best frame."""

    phrase: str
    score: float
    best_time_s: float


@dataclass(frozen=True, slots=True)
class Clip:
    """One unit of tracking: a stretch [start_s, end_s) of one video with all that is looked for in it.

    clip_id: 12 hex digits of video, stretch and targets, so that a repeated attempt has the same.
    """

    clip_id: str
    video_id: str
    uri: str
    fingerprint: str
    start_s: float
    end_s: float
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class ClipFrames:
    """Consecutive pictures of a clip at display size. frames (T, H, W, 3) uint8 RGB; frame_index (T,) int64; time_s (T,)."""

    frames: Frames
    frame_index: Indices
    time_s: Times

    def __post_init__(self) -> None:
        if not len(self.frames) == len(self.frame_index) == len(self.time_s):
            raise ValueError(f"{len(self.frames)} frames, {len(self.frame_index)} positions, {len(self.time_s)} times")

    def __len__(self) -> int:
        return len(self.frames)


class Visibility(StrEnum):
    """How much of a tracked object a row rests on."""

    VISIBLE = "visible"  # a mask
    OCCLUDED = "occluded"  # a mask much smaller than the object lately was
    INFERRED = "inferred"  # no mask: the motion model's guess through a gap


class Flag(StrEnum):
    """Doubts about a row or a track. A closed list; flags are data, nothing is dropped for them."""

    LOST = "lost"  # the tracker lost the object and never found it again before the clip's end
    AREA_JUMP = "area_jump"  # the area changed by more than a factor between neighbouring frames
    SPEED = "speed"  # the centre moved faster than objects do
    LOW_SCORE = "low_score"  # the tracker itself doubts the mask
    IDENTITY_SWITCH = "identity_switch"  # position and appearance changed together: likely another object
    APPEARANCE = "appearance"  # it does not look like the rest of its track
    BORDER = "border"  # it touches the picture's border: part of it may be outside
    OVERLAP = "overlap"  # pixels of its mask went to another object with a better score (overlaps=score)


@dataclass(frozen=True, slots=True)
class MaskRow:
    """One object on one frame. box (4 numbers) xyxy pixels; area in pixels; rle None and area 0 where inferred, and where
    every pixel went to objects in front (overlaps=score)."""

    frame_index: int
    time_s: float
    box: tuple[float, float, float, float]
    area: int
    score: float
    visibility: Visibility
    rle: str | None
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """One object followed through one clip. rows in time order, each frame at most once, masks of height x width.

    number: of the object in its clip, from 0. phrase: the target that named it. grounding_score: of the best detection that it
    started from or was matched to; grounding_mean: over all searched frames on which it was there, 0 for those on which it was
    not detected. appearance (D,) float32 unit length: mean CLIP embedding of its crops, empty when not
    computed. speeds in pixels per second; direction_deg: of the way from first to last centre, 0 right, 90 down; gaps: [start_s,
    end_s) without a mask between rows with one.
    """

    number: int
    phrase: str
    grounding_score: float
    height: int
    width: int
    rows: tuple[MaskRow, ...]
    appearance: Embeddings
    mean_speed: float = 0.0
    max_speed: float = 0.0
    direction_deg: float | None = None
    gaps: tuple[tuple[float, float], ...] = ()
    flags: tuple[Flag, ...] = ()
    grounding_mean: float = 0.0


@dataclass(frozen=True, slots=True)
class TruthObject:
    """One object of a ground truth, in one video.

    object_id: identity inside the video. names: what a text may call it, such as ("star", "red star"); lower case, no article.
    frame_index (T,) int64, increasing: the frames on which any of it lies inside the picture. boxes (T, 4) float32 xyxy pixels
    as displayed, of the visible part; rles: COCO compressed RLE at the video's display size, None throughout where the truth has
    boxes only. visibility (T,) float32, 0-1: visible pixels over the unoccluded object's; 1 where the truth does not say, 0 (and
    a zero box, an empty mask) where it is wholly hidden.
    """

    object_id: int
    names: tuple[str, ...]
    frame_index: Indices
    boxes: NDArray[np.float32]
    rles: tuple[str | None, ...]
    visibility: NDArray[np.float32]

    def __post_init__(self) -> None:
        if not len(self.frame_index) == len(self.boxes) == len(self.rles) == len(self.visibility):
            raise ValueError(f"object {self.object_id}: its columns differ in length")


@dataclass(frozen=True, slots=True)
class TruthVideo:
    """What is known of one video. frame_index, time_s (F,): every annotated frame, also those without an object, increasing;
    time_s is the true presentation time. height, width: as displayed, of all masks and boxes."""

    video_id: str
    height: int
    width: int
    frame_index: Indices
    time_s: Times
    objects: tuple[TruthObject, ...]

    def __post_init__(self) -> None:
        if len(self.frame_index) != len(self.time_s):
            raise ValueError(f"{self.video_id}: {len(self.frame_index)} positions, {len(self.time_s)} times")


@dataclass(frozen=True, slots=True)
class TruthQuery:
    """A text whose right answer is known.

    groups: by video_id, one tuple of object_ids for each thing that the text names; a frame is a right answer where at least one
    object of every group is visible on it. Videos without a right answer are left out. slices: what kind of question it is, such
    as ("pair=unseen", "things=1"); every query is in the slice "all" as well.
    """

    text: str
    groups: Mapping[str, tuple[tuple[int, ...], ...]]
    slices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured number. family: retrieval, masks, tracking, end_to_end, cost or robustness. name: the field's own, lower case,
    such as "recall_at_5" or "hota_masks". slice: "all", or a kind of question or object such as "pair=unseen". value: None where
    it cannot be computed, and then `why` says so; unit: "" for a share or a count. better: "higher", "lower" or "" (neither).
    count: over how many things (queries, objects, frames) it was taken."""

    family: str
    name: str
    value: float | None
    slice: str = "all"
    why: str = ""
    unit: str = ""
    better: str = "higher"
    count: int | None = None

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.why):
            raise ValueError(f"{self.name}: a metric has a value, or says why it has none")


@dataclass(frozen=True, slots=True)
class Curve:
    """A line to plot: kind "precision_recall", "recall_at_k", "hota_over_threshold", "j_over_time"... x, y (P,) float64."""

    kind: str
    name: str
    x_label: str
    y_label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that went wrong, for people to look at: where, how badly, and in words what happened.

    kind: "missed" (an object nobody followed), "poor" (its best track is bad), "false" (a track of nothing asked for),
    "duplicate" (a second track of an object), "ranked" (a text whose right answer comes late). severity: larger is worse,
    comparable within a kind. frame_index: the frame that shows it best, None for a text without one. object_id, track_id: of the
    truth, and of the run, where there is one.
    """

    kind: str
    text: str
    severity: float
    message: str
    video_id: str | None = None
    frame_index: int | None = None
    object_id: int | None = None
    track_id: str | None = None

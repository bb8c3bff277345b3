"""Records of tracking: detections, prompts, clips, masks and tracks."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from trawl.records.arrays import Embeddings, Frames, Indices, Times


@dataclass(frozen=True, slots=True)
class Detections:
    """Holds what a grounder detected on one frame, best first.

    boxes (N, 4) float32 xyxy pixels; scores (N,) float32, 0-1, comparable between frames and
    phrases of one grounder; phrase (N,) int64, which of the phrases asked for; masks (N, H, W)
    bool, or None from a grounder that gives boxes only. N may be 0.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    phrase: Indices
    masks: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        n = len(self.boxes)
        if (
            not n
            == len(self.scores)
            == len(self.phrase)
            == (n if self.masks is None else len(self.masks))
        ):
            raise ValueError(
                f"{n} boxes, but {len(self.scores)} scores and {len(self.phrase)} phrases, or other masks"
            )

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, slots=True)
class Prompt:
    """Marks one object on one frame for a tracker: a mask, or a box and points in any combination.

    object_id: of the session. position: of the frame among the session's, 0-based. box (4,) float32
    xyxy pixels; points (P, 2) float32 xy pixels with labels (P,) int64, 1 on the object and 0
    beside it; mask (H, W) bool.
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
            self.points is not None
            and self.labels is not None
            and len(self.points) != len(self.labels)
        ):
            raise ValueError("points and labels come together, one label a point")


@dataclass(frozen=True, slots=True)
class TrackedFrame:
    """All followed objects on one frame of a session.

    position: of the frame. object_ids (K,) int64, in the order of the prompts; masks (K, H, W)
    bool, all false where the object is not seen; scores (K,) float32, 0-1: the tracker's own
    estimate of the mask's quality times that of the object's presence.
    """

    position: int
    object_ids: Indices
    masks: NDArray[np.bool_]
    scores: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Target:
    """Describes what to look for in a clip: a phrase, how well its segment answered it, and the
    time of its best frame.
    """

    phrase: str
    score: float
    best_time_s: float


@dataclass(frozen=True, slots=True)
class Clip:
    """One unit of tracking: a stretch [start_s, end_s) of one video with all that is looked for in
    it.

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
    """Consecutive pictures of a clip at display size. frames (T, H, W, 3) uint8 RGB; frame_index
    (T,) int64; time_s (T,).
    """

    frames: Frames
    frame_index: Indices
    time_s: Times

    def __post_init__(self) -> None:
        if not len(self.frames) == len(self.frame_index) == len(self.time_s):
            raise ValueError(
                f"{len(self.frames)} frames, {len(self.frame_index)} positions, {len(self.time_s)} times"
            )

    def __len__(self) -> int:
        return len(self.frames)


class Visibility(StrEnum):
    """Says how much of a tracked object a row rests on."""

    VISIBLE = "visible"  # a mask
    OCCLUDED = "occluded"  # a mask much smaller than the object lately was
    INFERRED = "inferred"  # no mask: the motion model's guess through a gap


class Flag(StrEnum):
    """Doubts about a row or a track. A closed list; flags are data, nothing is dropped for them."""

    LOST = "lost"  # the tracker lost the object and never found it again before the clip's end
    AREA_JUMP = "area_jump"  # the area changed by more than a factor between neighbouring frames
    SPEED = "speed"  # the centre moved faster than objects do
    LOW_SCORE = "low_score"  # the tracker itself doubts the mask
    # position and appearance changed together: likely another object
    IDENTITY_SWITCH = "identity_switch"
    APPEARANCE = "appearance"  # it does not look like the rest of its track
    BORDER = "border"  # it touches the picture's border: part of it may be outside
    # pixels of its mask went to another object with a better score (overlaps=score)
    OVERLAP = "overlap"


@dataclass(frozen=True, slots=True)
class MaskRow:
    """One object on one frame. box (4 numbers) xyxy pixels; area in pixels; rle None and area 0
    where inferred, and where every pixel went to objects in front (overlaps=score).
    """

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
    """One object followed through one clip. rows in time order, each frame at most once, masks of
    height x width.

    number: of the object in its clip, from 0. phrase: the target that named it. grounding_score: of
    the best detection that it started from or was matched to; grounding_mean: over all searched
    frames on which it was there, 0 for those on which it was not detected. appearance (D,) float32
    unit length: mean CLIP embedding of its crops, empty when not computed. speeds in pixels per
    second; direction_deg: of the way from first to last centre, 0 right, 90 down; gaps: [start_s,
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

"""Records of ground truth and of what an evaluation measures against it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trawl.records.arrays import Indices, Times


@dataclass(frozen=True, slots=True)
class TruthObject:
    """One object of a ground truth, in one video.

    object_id: identity inside the video. names: what a text may call it, such as ("star", "red
    star"); lower case, no article. frame_index (T,) int64, increasing: the frames on which any of
    it lies inside the picture. boxes (T, 4) float32 xyxy pixels as displayed, of the visible part;
    rles: COCO compressed RLE at the video's display size, None throughout where the truth has boxes
    only. visibility (T,) float32, 0-1: visible pixels over the unoccluded object's; 1 where the
    truth does not say, 0 (and a zero box, an empty mask) where it is wholly hidden.
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
    """Holds the ground truth of one video.

    frame_index, time_s (F,): every annotated frame, also those without an object, increasing;
    time_s is the true presentation time. height, width: as displayed, of all masks and boxes.
    """

    video_id: str
    height: int
    width: int
    frame_index: Indices
    time_s: Times
    objects: tuple[TruthObject, ...]

    def __post_init__(self) -> None:
        if len(self.frame_index) != len(self.time_s):
            raise ValueError(
                f"{self.video_id}: {len(self.frame_index)} positions, {len(self.time_s)} times"
            )


@dataclass(frozen=True, slots=True)
class TruthQuery:
    """A text whose right answer is known.

    groups: by video_id, one tuple of object_ids for each thing that the text names; a frame is a
    right answer where at least one object of every group is visible on it. Videos without a right
    answer are left out. slices: what kind of question it is, such as ("pair=unseen", "things=1");
    every query is in the slice "all" as well.
    """

    text: str
    groups: Mapping[str, tuple[tuple[int, ...], ...]]
    slices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured number. family: retrieval, masks, tracking, end_to_end, cost or robustness.
    name: the field's own, lower case, such as "recall_at_5" or "hota_masks". slice: "all", or a
    kind of question or object such as "pair=unseen". value: None where it cannot be computed, and
    then `why` says so; unit: "" for a share or a count. better: "higher", "lower" or "" (neither).
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
    """A line to plot: kind "precision_recall", "recall_at_k", "hota_over_threshold",
    "j_over_time"... x, y (P,) float64.
    """

    kind: str
    name: str
    x_label: str
    y_label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that went wrong, for people to look at: where, how badly, and in words what
    happened.

    kind: "missed" (an object nobody followed), "poor" (its best track is bad), "false" (a track of
    nothing asked for), "duplicate" (a second track of an object), "ranked" (a text whose right
    answer comes late). severity: larger is worse, comparable within a kind. frame_index: the frame
    that shows it best, None for a text without one. object_id, track_id: of the truth, and of the
    run, where there is one.
    """

    kind: str
    text: str
    severity: float
    message: str
    video_id: str | None = None
    frame_index: int | None = None
    object_id: int | None = None
    track_id: str | None = None

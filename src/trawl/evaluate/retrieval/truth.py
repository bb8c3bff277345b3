"""Finds the right answers to a text: sampled frames, stretches of time and videos.

A frame is right if at least one object of every group that the text names is clearly visible on it.
Only annotated frames are evaluated; others are left out of the ranking. A ground truth of other
videos or another clock is an error, never a lower score. Knows nothing of scores.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trawl.errors import TruthError
from trawl.evaluate.truth import Truth
from trawl.records.arrays import Indices, Times
from trawl.records.truth import TruthQuery, TruthVideo

Stretch = tuple[float, float]  # [start_s, end_s)


@dataclass(frozen=True, slots=True)
class SampledFrames:
    """Holds the embedded frames of the evaluated videos, by video and then by time.

    Args:
        starts: (V+1,) int64; the frames of video v are starts[v]:starts[v+1], at least one.
        frame_index: (F,) int64.
        time_s: (F,) presentation times.
    """

    video_ids: tuple[str, ...]
    starts: Indices
    frame_index: Indices
    time_s: Times

    def __post_init__(self) -> None:
        if not len(self.frame_index) == len(self.time_s) == self.starts[-1]:
            raise ValueError(
                f"{len(self.frame_index)} positions, {len(self.time_s)} times, {self.starts[-1]} "
                "frames"
            )

    def __len__(self) -> int:
        return len(self.frame_index)

    def rows(self, video: int) -> slice:
        """Return the frames of the video at this position."""
        return slice(int(self.starts[video]), int(self.starts[video + 1]))

    def videos_of(self, rows: Indices) -> Indices:
        """Return (N,) positions of the videos of (N,) rows."""
        places: Indices = np.searchsorted(self.starts, rows, side="right") - 1
        return places

    def video_of(self, row: int) -> str:
        """Return the video of one frame."""
        return self.video_ids[int(self.videos_of(np.array([row]))[0])]


@dataclass(slots=True)
class Right:
    """Holds the right answers to one text.

    Args:
        frames: (R,) int64 rows of the sampled frames.
        videos: (V,) bool.
        stretches: Stretches of time by video_id.
    """

    frames: Indices
    videos: NDArray[np.bool_]
    stretches: dict[str, list[Stretch]] = field(default_factory=dict)


def judge(
    sampled: SampledFrames, truth: Truth, queries: Sequence[TruthQuery], min_visibility: float
) -> tuple[list[Right], NDArray[np.bool_]]:
    """Return the right answers to each text, and (F,) bool which frames are annotated.

    Raises:
        TruthError: The ground truth's clock is not the index's, or it annotates none of the sampled
            frames.
    """
    annotated = np.zeros(len(sampled), bool)
    frames: list[list[Indices]] = [[] for _ in queries]
    rights = [Right(np.empty(0, np.int64), np.zeros(len(sampled.video_ids), bool)) for _ in queries]
    off: list[str] = []
    for place, video_id in enumerate(sampled.video_ids):
        video, rows = truth.video(video_id), sampled.rows(place)
        is_annotated, at = _places(video.frame_index, sampled.frame_index[rows])
        annotated[rows] = is_annotated
        off += _other_clock(video, at, sampled.time_s[rows][is_annotated])
        for right, its_frames, query in zip(rights, frames, queries, strict=True):
            is_answer = answered(video, query.groups.get(video_id, ()), min_visibility)
            if is_answer.any():
                its_frames.append(rows.start + np.flatnonzero(is_annotated)[is_answer[at]])
                right.stretches[video_id] = stretches(video.time_s, is_answer)
                right.videos[place] = True
    _check(off, annotated)
    for right, its_frames in zip(rights, frames, strict=True):
        right.frames = np.concatenate([right.frames, *its_frames])
    return rights, annotated


def answered(
    video: TruthVideo, groups: Sequence[Sequence[int]], min_visibility: float
) -> NDArray[np.bool_]:
    """Return (F,) whether each annotated frame shows at least one object of every group.

    Without groups no frame does.
    """
    objects = {truth.object_id: truth for truth in video.objects}
    is_answer = np.full(len(video.frame_index), bool(groups))
    for group in groups:
        in_group = np.zeros_like(is_answer)
        for object_id in group:
            truth = objects[object_id]
            clear = (truth.visibility >= min_visibility) & (truth.visibility > 0)
            in_group |= np.isin(video.frame_index, truth.frame_index[clear])
        is_answer &= in_group
    return is_answer


def stretches(times_s: Times, right: NDArray[np.bool_]) -> list[Stretch]:
    """Return the longest stretches of right frames, in time order.

    A frame lasts until the next one; the last frame lasts as long as most do.

    >>> stretches(np.array([0.0, 0.5, 1.0, 1.5]), np.array([True, True, False, True]))
    [(0.0, 1.0), (1.5, 2.0)]
    """
    step = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    ends = np.append(times_s[1:], times_s[-1:] + step)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], right, [False]])))
    return [
        (float(times_s[first]), float(ends[after - 1])) for first, after in edges.reshape(-1, 2)
    ]


def check_indexed(annotated: Sequence[str], indexed: Collection[str]) -> None:
    """Raise TruthError if the index has no frame of an annotated video."""
    gone = sorted(set(annotated) - set(indexed))
    if gone:
        more = f", nor are {len(gone) - 1} more" if len(gone) > 1 else ""
        raise TruthError(
            f"{gone[0]} is in the ground truth and not in the index{more} ({len(annotated)} "
            "annotated in all): "
            "run jobs.index, or name the part to evaluate as dataset.truth.part=..."
        )


def _places(increasing: Indices, values: Indices) -> tuple[NDArray[np.bool_], Indices]:
    """Return which values occur in an increasing array, and the positions of those that do."""
    at = np.searchsorted(increasing, values)
    is_present = at < len(increasing)
    is_present[is_present] = increasing[at[is_present]] == values[is_present]
    return is_present, at[is_present]


def _other_clock(video: TruthVideo, at: Indices, times_s: Times) -> list[str]:
    """Describe the first frame whose time differs by half a frame or more, if any."""
    step = float(np.median(np.diff(video.time_s))) if len(video.time_s) > 1 else np.inf
    wrong = np.flatnonzero(np.abs(video.time_s[at] - times_s) >= max(step / 2, 1e-3))
    if not len(wrong):
        return []
    first = int(wrong[0])
    frame, index_s, truth_s = video.frame_index[at[first]], times_s[first], video.time_s[at[first]]
    return [
        f"frame {frame} of {video.video_id} is at {index_s:.3f} s in the index and at "
        f"{truth_s:.3f} s in the ground truth"
    ]


def _check(off: list[str], annotated: NDArray[np.bool_]) -> None:
    if off:
        more = f" ({len(off) - 1} more videos differ)" if len(off) > 1 else ""
        raise TruthError(f"{off[0]}{more}: it was made for other videos, or for another frame rate")
    if not annotated.any():
        raise TruthError(
            f"none of the {len(annotated)} sampled frames is annotated: the ground truth was made "
            "for other frames; "
            "sample others (sampling.every_s), or annotate every frame"
        )

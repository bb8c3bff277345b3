"""Holds what the index knows of videos, and what a ground truth says of them itself.

Most formats number frames and have no times; times come from here. Pure: the ledger and the frames
table are read elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from trawl.records.arrays import Indices, Times

# Columns of the ledger that `IndexedVideos.of_ledger` reads.
LEDGER_COLUMNS = ("video_id", "fps", "num_frames", "duration_s", "width", "height")
# video_id -> (frame_index, time_s) of its embedded frames
Sampled = Callable[[str], tuple[Indices, Times]]


@dataclass(frozen=True, slots=True)
class IndexedVideo:
    """Holds one indexed video's ledger entry; width and height as displayed."""

    fps: float
    num_frames: int
    duration_s: float
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class StatedFacts:
    """Holds what a ground truth says of a video, None where it says nothing.

    Args:
        last_index: The highest annotated frame position, -1 if there is none.
        num_frames: Number of frames of the whole video.
        masks: Whether it has masks, and not boxes alone.
        identities: Whether it says which objects of two frames are the same.
    """

    last_index: int
    num_frames: int | None
    fps: float | None
    width: int | None
    height: int | None
    masks: bool
    identities: bool = True


def _no_frames(video_id: str) -> tuple[Indices, Times]:
    return np.zeros(0, np.int64), np.zeros(0)


@dataclass(frozen=True, slots=True)
class IndexedVideos:
    """Holds the indexed videos by video_id, and the true times of their indexed frames."""

    videos: Mapping[str, IndexedVideo] = field(default_factory=dict)
    sampled: Sampled = _no_frames

    @classmethod
    def of_ledger(cls, rows: pa.Table, sampled: Sampled = _no_frames) -> "IndexedVideos":
        """Read ledger rows of indexed videos, which have at least `LEDGER_COLUMNS`."""
        columns = [rows[name].to_pylist() for name in LEDGER_COLUMNS]
        return cls(
            {video_id: IndexedVideo(*facts) for video_id, *facts in zip(*columns, strict=True)},
            sampled,
        )

    def times(self, video_id: str, frame_index: Indices) -> Times:
        """Return presentation times of frames (T,) of a video.

        Exact where the index holds the frame and where the rate is constant. Interpolated between
        two indexed frames; before the first and after the last, at the average rate.
        """
        fps = self.videos[video_id].fps or 1.0  # a single frame has no rate
        frames, time_s = self.sampled(video_id)
        if not len(frames):
            return frame_index / fps
        times = np.interp(frame_index, frames, time_s)
        before, after = frame_index < frames[0], frame_index > frames[-1]
        times[before] = time_s[0] + (frame_index[before] - frames[0]) / fps
        times[after] = time_s[-1] + (frame_index[after] - frames[-1]) / fps
        return times

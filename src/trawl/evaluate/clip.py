"""Puts one clip of a run beside its ground truth: texts, true objects and tracks.

All measurements of masks and tracks are fed these records, one clip at a time. Masks stay coded; a
frame is decoded when it is compared. Knows the tables' columns, and nothing of storage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trawl import masks
from trawl.config.steps import EvaluationConfig
from trawl.errors import TruthError
from trawl.evaluate.counting import Answers
from trawl.records.arrays import Indices
from trawl.records.tracking import Clip
from trawl.records.truth import TruthVideo
from trawl.schemas import MASKS, TRACKS

Rows: TypeAlias = "pa.Table | Sequence[Mapping[str, Any]]"  # of a table of `schemas.py`

# Times that differ by more are of different frames; ground truths without times are off by less.
_SAME_S = 0.5
_TRACK_COLUMNS = "track_id text grounding_score"
_MASK_COLUMNS = "track_id frame_index time_s box score rle height width flags"


@dataclass(frozen=True, slots=True)
class FollowedTrack:
    """Holds one track of a run on the compared frames.

    Args:
        score: Its grounding score.
        frame_index: (T,) int64, increasing.
        boxes: (T, 4) float32 xyxy pixels at the ground truth's size.
        rles: Masks at the ground truth's size; None where the row is a guess without a mask.
        scores: (T,) float32, the tracker's scores.
        flags: Words of `records.Flag` for each row.
    """

    track_id: str
    text: str
    score: float
    frame_index: Indices
    boxes: NDArray[np.float32]
    rles: tuple[str | None, ...]
    scores: NDArray[np.float32]
    flags: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        lengths = {
            len(self.frame_index),
            len(self.boxes),
            len(self.rles),
            len(self.scores),
            len(self.flags),
        }
        if len(lengths) != 1:
            raise ValueError(f"track {self.track_id}: its columns differ in length")


@dataclass(frozen=True, slots=True)
class ClipQuery:
    """Holds one text that was searched for in a clip.

    Args:
        targets: object_ids that must be found in the clip.
        ignored: object_ids that answer the text but are seen too little to count, so that following
            them is neither right nor wrong.
        slices: Slices of the text.
    """

    text: str
    targets: tuple[int, ...]
    ignored: tuple[int, ...] = ()
    slices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EvaluatedClip:
    """Holds one clip with its ground truth and tracks.

    Args:
        frame_index: (F,) int64, increasing: frames that were tracked and are annotated.
        queries: The texts whose answer the ground truth knows.
        tracks: Tracks of those texts.
        unknown: Texts of the clip whose answer the ground truth does not know.
        identities: Whether the ground truth says which objects of two frames are the same.
    """

    clip_id: str
    video: TruthVideo
    frame_index: Indices
    queries: tuple[ClipQuery, ...]
    tracks: tuple[FollowedTrack, ...]
    unknown: tuple[str, ...] = ()
    identities: bool = True

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Return the times (F,) of the frames."""
        return self.video.time_s[np.searchsorted(self.video.frame_index, self.frame_index)]

    @property
    def duration_s(self) -> float:
        """Return the time that the frames cover, each until the next; 0 for a single frame."""
        times_s = self.time_s
        return (
            float((times_s[-1] - times_s[0]) * len(times_s) / (len(times_s) - 1))
            if len(times_s) > 1
            else 0.0
        )

    @property
    def has_masks(self) -> bool:
        """Return whether all true objects have masks; True for a video without objects."""
        return all(rle is not None for truth in self.video.objects for rle in truth.rles)


def evaluated_clip(
    clip: Clip,
    mask_rows: Rows,
    track_rows: Rows,
    video: TruthVideo,
    answers: Answers,
    config: EvaluationConfig,
    tracked_frames: Indices | None = None,
) -> EvaluatedClip:
    """Combine a clip's rows and its video's ground truth.

    Args:
        mask_rows: The clip's rows of schemas.MASKS, in any order.
        track_rows: The clip's rows of schemas.TRACKS, in any order.
        tracked_frames: frame_index of the frames that were tracked, or None for every frame of the
            clip.

    Raises:
        TruthError: The ground truth is of other pictures: another size, other times, or no frame of
            the clip.
    """
    inside = (video.time_s >= clip.start_s) & (video.time_s < clip.end_s)
    frames = (
        video.frame_index[inside]
        if tracked_frames is None
        else np.intersect1d(video.frame_index, tracked_frames)
    )
    if not len(frames):
        raise TruthError(
            f"the ground truth of {video.video_id} has none of the frames that were tracked "
            f"between {clip.start_s:g} and "
            f"{clip.end_s:g} s: is it of this video?"
        )
    texts = list(dict.fromkeys(target.phrase for target in clip.targets))
    answered = [text for text in texts if answers.knows(text)]
    queries = [
        ClipQuery(text, *answers.in_stretch(text, video, frames, config), answers.slices(text))
        for text in answered
    ]
    return EvaluatedClip(
        clip_id=clip.clip_id,
        video=video,
        frame_index=frames,
        queries=tuple(queries),
        tracks=_tracks(
            _table(mask_rows, MASKS),
            _table(track_rows, TRACKS),
            video,
            frames,
            set(answered),
            config,
        ),
        unknown=tuple(text for text in texts if not answers.knows(text)),
    )


def frames_apart(
    clip: EvaluatedClip, answers: Answers, config: EvaluationConfig
) -> Iterator[EvaluatedClip]:
    """Yield a clip without identities as clips of one frame each.

    Without identities, each picture can be evaluated but not which object is which.
    """
    for frame in clip.frame_index:
        video = replace(
            clip.video,
            objects=tuple(truth for truth in clip.video.objects if frame in truth.frame_index),
        )
        frame_index = np.array([frame], np.int64)
        yield replace(
            clip,
            clip_id=f"{clip.clip_id}@{frame}",
            video=video,
            frame_index=frame_index,
            queries=tuple(
                ClipQuery(
                    query.text,
                    *answers.in_stretch(query.text, video, frame_index, config),
                    query.slices,
                )
                for query in clip.queries
            ),
            tracks=tuple(track for track in clip.tracks if frame in track.frame_index),
            identities=False,
        )


def _table(rows: Rows, schema: pa.Schema) -> pa.Table:
    columns = (_MASK_COLUMNS if schema is MASKS else _TRACK_COLUMNS).split()
    if isinstance(rows, pa.Table):
        return rows.select(columns)
    return pa.Table.from_pylist(
        [dict(row) for row in rows], schema=pa.schema([schema.field(name) for name in columns])
    )


def _tracks(
    mask_rows: pa.Table,
    track_rows: pa.Table,
    video: TruthVideo,
    frames: Indices,
    texts: set[str],
    config: EvaluationConfig,
) -> tuple[FollowedTrack, ...]:
    _check(mask_rows, video)
    rows = mask_rows.filter(
        pa.array(np.isin(mask_rows["frame_index"].to_numpy(), frames), pa.bool_())
    )
    rows = rows.sort_by([("track_id", "ascending"), ("frame_index", "ascending")])
    ids = np.asarray(rows["track_id"].to_pylist(), dtype=object)
    tracks = []
    for row in sorted(track_rows.to_pylist(), key=lambda row: str(row["track_id"])):
        if row["text"] in texts and np.float32(row["grounding_score"]) >= np.float32(
            config.min_score
        ):
            first, end = (
                int(np.searchsorted(ids, row["track_id"], side)) for side in ("left", "right")
            )
            tracks.append(_track(row, rows.slice(first, end - first), video))
    return tuple(tracks)


def _track(row: Mapping[str, Any], rows: pa.Table, video: TruthVideo) -> FollowedTrack:
    size = (
        (rows["height"][0].as_py(), rows["width"][0].as_py())
        if rows.num_rows
        else (video.height, video.width)
    )
    scale = np.tile([video.width / size[1], video.height / size[0]], 2)
    return FollowedTrack(
        track_id=row["track_id"],
        text=row["text"],
        score=float(row["grounding_score"]),
        frame_index=rows["frame_index"].to_numpy().astype(np.int64),
        boxes=(np.array(rows["box"].to_pylist(), np.float64).reshape(-1, 4) * scale).astype(
            np.float32
        ),
        rles=tuple(
            _at_size(rle, size, (video.height, video.width)) for rle in rows["rle"].to_pylist()
        ),
        scores=rows["score"].to_numpy().astype(np.float32),
        flags=tuple(tuple(flags) for flags in rows["flags"].to_pylist()),
    )


def _at_size(rle: str | None, size: tuple[int, int], target_size: tuple[int, int]) -> str | None:
    """Return a mask at the ground truth's size, or None for a mask without pixels.

    Tracking may have used smaller pictures.
    """
    if rle is None or not masks.area(rle, *size):
        return None
    if size == target_size:
        return rle
    resized = cv2.resize(
        masks.decode(rle, *size).view(np.uint8), target_size[::-1], interpolation=cv2.INTER_NEAREST
    )
    return masks.encode(resized.astype(np.bool_))


def _check(rows: pa.Table, video: TruthVideo) -> None:
    """Raise TruthError if the rows are of other pictures than the ground truth."""
    sizes = {(h, w) for h, w in zip(rows["height"].to_pylist(), rows["width"].to_pylist())}
    for height, width in sorted(sizes):
        if abs(height * video.width - width * video.height) > max(video.height, video.width):
            raise TruthError(
                f"{video.video_id} is {video.width} x {video.height} pixels in the ground truth "
                f"and {width} x {height} in the "
                "run: is the truth of this video, as displayed?"
            )
    index, times_s = rows["frame_index"].to_numpy(), rows["time_s"].to_numpy()
    place = np.minimum(np.searchsorted(video.frame_index, index), len(video.frame_index) - 1)
    away_s = np.abs(video.time_s[place] - times_s)
    wrong = np.flatnonzero((video.frame_index[place] == index) & (away_s > _SAME_S))
    if len(wrong):
        frames, first = np.unique(index[wrong], return_index=True)
        row = wrong[first[0]]
        raise TruthError(
            f"{video.video_id}: frame {index[row]} is at {times_s[row]:.3f} s in the run and at "
            f"{video.time_s[place[row]]:.3f} s "
            f"in the ground truth, and {len(frames) - 1} more of this clip differ: is the truth of "
            "another frame rate?"
        )

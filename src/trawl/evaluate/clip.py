"""One clip of a run beside its ground truth: what was asked, what is there, and what was followed.

Every measurement of masks and tracks is fed these, one clip at a time. Masks stay coded; a frame is
decoded where it is looked at. Knows the tables' columns, and nothing of storage.
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

# from here on two times are not of one frame; less is what truths without times of their own may be
# off
_SAME_S = 0.5
_TRACK_COLUMNS = ["track_id", "text", "grounding_score"]
_MASK_COLUMNS = [
    "track_id",
    "frame_index",
    "time_s",
    "box",
    "score",
    "rle",
    "height",
    "width",
    "flags",
]


@dataclass(frozen=True, slots=True)
class FollowedTrack:
    """One track of a run, on the frames that are compared.

    score: of its grounding. frame_index (T,) int64 increasing; boxes (T, 4) float32 xyxy pixels and
    rles, both at the truth's size, rles None where the row is a guess without a mask; scores (T,)
    float32, the tracker's; flags: of each row, words of `records.Flag`.
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
    """One text that was looked for in a clip. wanted: object_ids that must be found there; ignored:
    object_ids that answer the text and are seen too little to count, so that following them is
    neither right nor wrong. slices: of the text.
    """

    text: str
    targets: tuple[int, ...]
    ignored: tuple[int, ...] = ()
    slices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EvaluatedClip:
    """One clip. frame_index (F,) int64 increasing: frames that were looked at and are annotated;
    tracks: those of the texts in `asked`. unknown: texts of the clip whose answer the truth does
    not know; nothing of theirs is here. identities: the truth says which objects of two frames are
    the same.
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
        """(F,) of the frames."""
        return self.video.time_s[np.searchsorted(self.video.frame_index, self.frame_index)]

    @property
    def duration_s(self) -> float:
        """What its frames cover, each until the next one comes; 0 for a single frame."""
        times_s = self.time_s
        return (
            float((times_s[-1] - times_s[0]) * len(times_s) / (len(times_s) - 1))
            if len(times_s) > 1
            else 0.0
        )

    @property
    def has_masks(self) -> bool:
        """Whether the truth has more than boxes; a video without objects lacks nothing."""
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
    """A clip's rows and its video's truth, as one record.

    Args:
        mask_rows, track_rows: of this clip, in any order; columns as in schemas.MASKS and
        schemas.TRACKS.
        looked: frame_index of the frames that tracking looked at; None: every one in the clip's
            stretch.

    Raises:
        TruthError: the truth is of other pictures: another size, other times, or no frame of the
            stretch.
    """
    inside = (video.time_s >= clip.start_s) & (video.time_s < clip.end_s)
    frames = (
        video.frame_index[inside]
        if tracked_frames is None
        else np.intersect1d(video.frame_index, tracked_frames)
    )
    if not len(frames):
        raise TruthError(
            f"the ground truth of {video.video_id} has none of the frames that were tracked between {clip.start_s:g} and "
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
    """A clip whose truth knows no identities as clips of one frame each: what is on a picture can
    be judged, who it is cannot.
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
                replace(query, targets=targets, ignored=ignored)
                for query, targets, ignored in _asked_on(clip, video, frame_index, answers, config)
            ),
            tracks=tuple(track for track in clip.tracks if frame in track.frame_index),
            identities=False,
        )


def _asked_on(
    clip: EvaluatedClip,
    video: TruthVideo,
    frames: Indices,
    answers: Answers,
    config: EvaluationConfig,
) -> Iterator[tuple[ClipQuery, tuple[int, ...], tuple[int, ...]]]:
    for query in clip.queries:
        yield query, *answers.in_stretch(query.text, video, frames, config)


def _table(rows: Rows, schema: pa.Schema) -> pa.Table:
    columns = _MASK_COLUMNS if schema is MASKS else _TRACK_COLUMNS
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
    """A mask at the truth's size: tracking may have looked at smaller pictures.

    None for one without a pixel.
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
    """Raise TruthError where the rows are of other pictures than the truth."""
    sizes = {(h, w) for h, w in zip(rows["height"].to_pylist(), rows["width"].to_pylist())}
    for height, width in sorted(sizes):
        if abs(height * video.width - width * video.height) > max(video.height, video.width):
            raise TruthError(
                f"{video.video_id} is {video.width} x {video.height} pixels in the ground truth and {width} x {height} in the "
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
            f"{video.video_id}: frame {index[row]} is at {times_s[row]:.3f} s in the run and at {video.time_s[place[row]]:.3f} s "
            f"in the ground truth, and {len(frames) - 1} more of this clip differ: is the truth of another frame rate?"
        )

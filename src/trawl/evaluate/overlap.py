"""Computes how much each track of a clip overlaps each true object, frame by frame.

All metrics of tracks are derived from this. F frames, K objects, N tracks. A row of a track without
a mask is a guess of where the object is, and counts as absent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trawl import geometry, masks
from trawl.evaluate.clip import EvaluatedClip, FollowedTrack
from trawl.records.truth import TruthObject


@dataclass(frozen=True, slots=True)
class Overlap:
    """Holds the overlap of objects and tracks.

    Args:
        iou: (F, K, N) float64, 0-1; 0 where either is absent.
        visible: (F, K) bool, where the object is visible.
        followed: (F, N) bool, where the track has a mask.
    """

    iou: NDArray[np.float64]
    visible: NDArray[np.bool_]
    followed: NDArray[np.bool_]

    def of(self, objects: Sequence[int], tracks: Sequence[int]) -> "Overlap":
        """Select some objects and tracks by position."""
        rows, columns = np.asarray(objects, np.int64), np.asarray(tracks, np.int64)
        return Overlap(
            self.iou[:, rows][:, :, columns], self.visible[:, rows], self.followed[:, columns]
        )

    def mean(self) -> NDArray[np.float64]:
        """Return (K, N) means over the frames on which either is present, 0 without such frames."""
        either = (self.visible[:, :, None] | self.followed[:, None, :]).sum(axis=0)
        mean: NDArray[np.float64] = self.iou.sum(axis=0) / np.maximum(either, 1)
        return mean


def of_masks(
    clip: EvaluatedClip, objects: Sequence[TruthObject], tracks: Sequence[FollowedTrack]
) -> Overlap:
    """Compute the IoU of masks, which the ground truth must have."""
    size = clip.video.height, clip.video.width
    return _overlap(
        clip,
        objects,
        tracks,
        lambda item, row: item.rles[row],
        lambda a, b: masks.iou(a, b, *size),
    )


def of_boxes(
    clip: EvaluatedClip, objects: Sequence[TruthObject], tracks: Sequence[FollowedTrack]
) -> Overlap:
    """Compute the IoU of boxes: of each object's visible part, and of each mask."""
    return _overlap(clip, objects, tracks, lambda item, row: item.boxes[row], geometry.iou)


def positions(clip: EvaluatedClip, item: TruthObject | FollowedTrack) -> NDArray[np.int64]:
    """Return (F,) rows of an object or track on the frames of the clip, -1 where it is absent."""
    rows_of_frames = np.full(len(clip.frame_index), -1, np.int64)
    visible = (
        item.visibility > 0
        if isinstance(item, TruthObject)
        else [rle is not None for rle in item.rles]
    )
    present = np.asarray(visible, np.bool_)
    present &= np.isin(item.frame_index, clip.frame_index)
    rows = np.flatnonzero(present)
    rows_of_frames[np.searchsorted(clip.frame_index, item.frame_index[rows])] = rows
    return rows_of_frames


def _overlap(
    clip: EvaluatedClip,
    objects: Sequence[TruthObject],
    tracks: Sequence[FollowedTrack],
    shape: Callable[[TruthObject | FollowedTrack, int], object],
    iou: Callable[..., NDArray[np.float64]],
) -> Overlap:
    frames = len(clip.frame_index)
    of_objects = np.array([positions(clip, item) for item in objects], np.int64).reshape(
        len(objects), frames
    )
    of_tracks = np.array([positions(clip, item) for item in tracks], np.int64).reshape(
        len(tracks), frames
    )
    ious = np.zeros((frames, len(objects), len(tracks)))
    for frame in np.flatnonzero((of_objects >= 0).any(axis=0) & (of_tracks >= 0).any(axis=0)):
        objects_here, tracks_here = (
            np.flatnonzero(rows[:, frame] >= 0).tolist() for rows in (of_objects, of_tracks)
        )
        object_shapes = [shape(objects[k], int(of_objects[k, frame])) for k in objects_here]
        track_shapes = [shape(tracks[n], int(of_tracks[n, frame])) for n in tracks_here]
        ious[frame][np.ix_(objects_here, tracks_here)] = iou(object_shapes, track_shapes)
    return Overlap(ious, of_objects.T >= 0, of_tracks.T >= 0)

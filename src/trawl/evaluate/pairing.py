"""Assigns tracks to true objects one to one, for each text of a clip, by the best total overlap.

The overlap of a pair is the mean IoU over the frames on which either is present, so frames on which
neither is visible (where IoU is 1 by convention) pair nothing.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from trawl.config.steps import EvaluationConfig
from trawl.evaluate import overlap
from trawl.evaluate.clip import ClipQuery, EvaluatedClip, FollowedTrack
from trawl.evaluate.overlap import Overlap
from trawl.records.truth import TruthObject


@dataclass(frozen=True, slots=True)
class PairedText:
    """Holds one text in one clip.

    Args:
        objects: The targets, then the ignored objects.
        tracks: Tracks of the text, best grounding score first.
        overlap: Overlap of `objects` and `tracks`.
        others: Overlap of all objects of the video with `tracks`.
        object_positions: Position of each of `objects` among all objects of the video.
        track_of: Position of a target -> position of its track; a target without a track was
            missed.
    """

    clip: EvaluatedClip
    query: ClipQuery
    objects: tuple[TruthObject, ...]
    tracks: tuple[FollowedTrack, ...]
    overlap: Overlap
    others: Overlap
    object_positions: tuple[int, ...]
    track_of: dict[int, int]

    @property
    def num_targets(self) -> int:
        """Return how many of `objects`, the first ones, count."""
        return len(self.query.targets)

    def false_tracks(self, match_iou: float) -> list[int]:
        """Return the positions of tracks that overlap none of the text's objects enough."""
        best = self.overlap.mean().max(axis=0, initial=0.0)
        return [n for n in range(len(self.tracks)) if best[n] < match_iou]


@dataclass(frozen=True, slots=True)
class PairedClip:
    """Holds a clip with its tracks paired, text by text.

    Args:
        has_masks: Whether masks were compared; boxes otherwise.
    """

    clip: EvaluatedClip
    has_masks: bool
    texts: tuple[PairedText, ...]


def pair(clip: EvaluatedClip, config: EvaluationConfig) -> PairedClip:
    """Compare a clip's tracks with its true objects, on masks if the ground truth has them."""
    compare = overlap.of_masks if clip.has_masks else overlap.of_boxes
    everything = compare(clip, clip.video.objects, clip.tracks)
    return PairedClip(
        clip,
        clip.has_masks,
        tuple(_text(clip, query, everything, config) for query in clip.queries),
    )


def _text(
    clip: EvaluatedClip, query: ClipQuery, everything: Overlap, config: EvaluationConfig
) -> PairedText:
    position_of = {truth.object_id: position for position, truth in enumerate(clip.video.objects)}
    object_positions = [position_of[object_id] for object_id in (*query.targets, *query.ignored)]
    tracks = [n for n, track in enumerate(clip.tracks) if track.text == query.text]
    tracks.sort(key=lambda n: (-clip.tracks[n].score, clip.tracks[n].track_id))
    pairs = everything.of(object_positions, tracks)
    mean = pairs.mean()[: len(query.targets)]
    rows, columns = linear_sum_assignment(mean, maximize=True)
    return PairedText(
        clip=clip,
        query=query,
        objects=tuple(clip.video.objects[k] for k in object_positions),
        tracks=tuple(clip.tracks[n] for n in tracks),
        overlap=pairs,
        others=everything.of(np.arange(len(clip.video.objects)).tolist(), tracks),
        object_positions=tuple(object_positions),
        track_of={
            int(k): int(n)
            for k, n in zip(rows, columns, strict=True)
            if mean[k, n] >= config.match_iou
        },
    )

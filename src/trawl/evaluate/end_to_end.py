"""Measures text in, tracks out: whether the named objects, and nothing else, are followed.

    found                   share of the objects in the clips whose one track overlaps them by 0.5
                            or more on average (the mean of pairing.py, in which frames without
                            either do not count)
    found_in_corpus         the same among all objects of the corpus part that the texts name: an
                            object that retrieval never reached is missed
    retrieval_reach         share of those that retrieval reached at all
    retrieval_loss          of those that were not found, the share that it did not reach
    identity_kept           share of a followed object's masks that overlap it more than any other
                            object of the video
    false_tracks_*          tracks of nothing that the text names: in a clip that shows such an
                            object, in one that does not, and per hour of searched video, each
                            text counted separately
    duplicate_tracks_*      tracks of an object that another track follows better
    average_precision*      YouTube-VIS' AP by TrackEval: tracks ranked by grounding score, correct
                            at a spatio-temporal IoU of 0.5 (average_precision_50), or averaged
                            over 0.5 to 0.95

A segment is one text in one clip; without identities in the ground truth, one text on one frame.
Objects that are seen too little to count are neither missed nor false.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from trawl.config.steps import EvaluationConfig
from trawl.evaluate.average_precision import AveragePrecision
from trawl.evaluate.counting import Corpus
from trawl.evaluate.measured import ALL, MeanSpec, Measured, SliceMeans
from trawl.evaluate.pairing import PairedClip, PairedText
from trawl.evaluate.slices_objects import object_slices
from trawl.records.truth import Metric

FOUND = 0.5  # mean IoU
_NO_OBJECT = "no object that was asked for is in the clips"
_OBJECTS = (
    MeanSpec("found", _NO_OBJECT),
    MeanSpec(
        "identity_kept",
        "no object that was asked for was followed, or the truth knows no identities",
    ),
)
_SEGMENTS = (
    MeanSpec("false_tracks_per_segment", "no clip has what was asked for", "lower"),
    MeanSpec("duplicate_tracks_per_segment", "no clip has what was asked for", "lower"),
    MeanSpec("false_tracks_per_absent_segment", "no text names what its clip has not", "lower"),
    MeanSpec("absent_segments_with_false_track", "no text names what its clip has not", "lower"),
)
_IN_CORPUS = (
    MeanSpec("found_in_corpus", "no object that was asked for is in the corpus"),
    MeanSpec("retrieval_reach", "no object that was asked for is in the corpus"),
    MeanSpec("retrieval_loss", "every object that was asked for was found", "lower"),
)


class EndToEnd:
    """Accumulates the measurement, clip by clip.

    Args:
        corpus: All objects that can be found, or None if that is unknown.
    """

    def __init__(self, config: EvaluationConfig, corpus: Corpus | None) -> None:
        self._match_iou = config.match_iou
        self._corpus = corpus
        self._objects = SliceMeans("end_to_end", _OBJECTS)
        self._segments = SliceMeans("end_to_end", _SEGMENTS)
        self._precision = AveragePrecision()
        # by text, video and object, over its clips
        self._best: dict[tuple[str, str, int], float] = {}
        self._slices: dict[str, tuple[str, ...]] = {}
        self._false: dict[str, int] = defaultdict(int)
        self._searched_s: dict[str, float] = defaultdict(float)
        self._unknown: set[str] = set()

    def add(self, paired: PairedClip) -> None:
        self._unknown.update(paired.clip.unknown)
        for text in paired.texts:
            self._segment(text, paired.clip.duration_s)
            for position in range(text.num_targets):
                self._object(text, position)
            self._precision.add(text)

    def measured(self) -> Measured:
        metrics = (
            self._objects.metrics()
            + self._segments.metrics()
            + self._per_hour()
            + self._in_corpus()
        )
        count = len(self._unknown)
        metrics.append(
            Metric("end_to_end", "texts_not_evaluated", float(count), better="", count=count)
        )
        return Measured(metrics) + self._precision.measured()

    def _segment(self, text: PairedText, duration_s: float) -> None:
        false = len(text.false_tracks(self._match_iou))
        for where in (ALL, *text.query.slices):
            self._false[where] += false
            self._searched_s[where] += duration_s
        if text.num_targets:
            extra = (
                len(text.tracks) - false - len(text.track_of) - _of_ignored(text, self._match_iou)
            )
            values = {
                "false_tracks_per_segment": float(false),
                "duplicate_tracks_per_segment": float(extra),
            }
        elif text.objects:
            return
        else:
            values = {"false_tracks_per_absent_segment": float(false)}
            values["absent_segments_with_false_track"] = float(false > 0)
        self._segments.add(text.query.slices, values)

    def _object(self, text: PairedText, position: int) -> None:
        n, truth = text.track_of.get(position), text.objects[position]
        slices = (*text.query.slices, *object_slices(text.clip, truth, text.num_targets))
        iou = float(text.overlap.mean()[position, n]) if n is not None else 0.0
        identity = (
            identity_kept(text, position, n) if n is not None and text.clip.identities else None
        )
        self._objects.add(slices, {"found": float(iou >= FOUND), "identity_kept": identity})
        key = (text.query.text, text.clip.video.video_id, truth.object_id)
        self._best[key] = max(self._best.get(key, 0.0), iou)
        self._slices[text.query.text] = text.query.slices

    def _per_hour(self) -> list[Metric]:
        metrics = []
        for where, searched_s in self._searched_s.items():
            value = self._false[where] / searched_s * 3600 if searched_s else None
            why = "" if value is not None else "no clip lasts longer than a frame"
            name = "false_tracks_per_hour"
            metrics.append(
                Metric("end_to_end", name, value, where, why, "1/h", "lower", self._false[where])
            )
        return metrics

    def _in_corpus(self) -> list[Metric]:
        if self._corpus is None:
            why = "what else the corpus holds was not looked at"
            return [
                Metric("end_to_end", spec.name, None, ALL, why, spec.unit, spec.better, 0)
                for spec in _IN_CORPUS
            ]
        tally = SliceMeans("end_to_end", _IN_CORPUS)
        for key in sorted({*self._corpus.objects, *self._best}):
            is_reached, is_found = key in self._best, self._best.get(key, 0.0) >= FOUND
            values: Mapping[str, float | None] = {
                "found_in_corpus": float(is_found),
                "retrieval_reach": float(is_reached),
                "retrieval_loss": None if is_found else float(not is_reached),
            }
            tally.add(self._corpus.slices.get(key[0], self._slices.get(key[0], ())), values)
        return tally.metrics()


def identity_kept(text: PairedText, position: int, n: int) -> float | None:
    """Return the share of a track's masks that overlap their own object most.

    Only frames that show any object count.
    """
    iou = text.others.iou[:, :, n][text.others.followed[:, n] & text.others.visible.any(axis=1)]
    if not len(iou):
        return None
    is_own = (iou.argmax(axis=1) == text.object_positions[position]) & (iou.max(axis=1) > 0)
    return float(is_own.mean())


def _of_ignored(text: PairedText, match_iou: float) -> int:
    """Count the unpaired tracks that follow an object that is seen too little to count."""
    mean: np.ndarray[Any, np.dtype[np.float64]] = text.overlap.mean()
    unpaired = [n for n in range(len(text.tracks)) if n not in text.track_of.values()]
    best_target, best_ignored = (
        part.max(axis=0, initial=0.0) for part in np.split(mean, [text.num_targets])
    )
    return sum(bool(best_ignored[n] >= match_iou and best_target[n] < match_iou) for n in unpaired)

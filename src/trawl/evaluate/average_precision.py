"""Measures the average precision of tracks, ranked by grounding score, with TrackEval.

As in YouTube-VIS (Yang et al., Video Instance Segmentation, ICCV 2019), a track is right if its IoU
with an object in space and time, intersections over unions summed over all frames, reaches a
threshold and no better track has that object. Texts take the place of categories and are ranked
together.
"""

from typing import Any

import numpy as np

from trawl.evaluate.clip import EvaluatedClip, FollowedTrack
from trawl.evaluate.measured import ALL, Measured
from trawl.evaluate.overlap import positions
from trawl.evaluate.pairing import PairedText
from trawl.records.truth import Curve, Metric, TruthObject

_NONE = "no object that was asked for is in the clips"


class AveragePrecision:
    """Accumulates the measurement text by text; keeps a score and a verdict for each track."""

    def __init__(self) -> None:
        from trackeval.metrics import TrackMAP  # takes seconds

        self._map = TrackMAP(
            {"USE_AREA_RANGES": False, "USE_TIME_RANGES": False, "PRINT_CONFIG": False}
        )
        self._results: dict[str, dict[int, Any]] = {}
        self._slices: dict[str, list[str]] = {ALL: []}
        self._objects: dict[str, int] = {}

    def add(self, text: PairedText) -> None:
        name = f"{text.clip.clip_id} {text.query.text}"
        self._objects[name] = text.num_targets
        self._results[name] = self._map.eval_sequence(_sequence(text))
        for where in (ALL, *text.query.slices):
            self._slices.setdefault(where, []).append(name)

    def measured(self) -> Measured:
        measured = Measured()
        for where in [ALL, *sorted(set(self._slices) - {ALL})]:
            names = self._slices[where]
            objects = sum(self._objects[name] for name in names)
            result = (
                self._map.combine_sequences({name: self._results[name] for name in names})
                if objects
                else None
            )
            measured += Measured(_metrics(result, where, objects))
            if result is not None and where == ALL:
                measured.curves.append(
                    Curve(
                        "precision_recall",
                        "tracks at IoU 0.5",
                        "recall",
                        "precision",
                        self._map.rec_thrs,
                        result["precision"][0, :, 0],
                    )
                )
        return measured


def _metrics(result: dict[str, Any] | None, where: str, objects: int) -> list[Metric]:
    values = (
        {"average_precision_50": None, "average_precision": None}
        if result is None
        else {
            "average_precision_50": _share(result["AP_all"][0]),
            "average_precision": _share(np.mean(result["AP_all"])),
        }
    )
    why = _NONE if result is None else ""
    return [
        Metric("end_to_end", name, value, where, why, count=objects)
        for name, value in values.items()
    ]


def _share(value: float) -> float:
    """Round a share: TrackEval divides by a count and a little more, which takes 1e-16 from 1."""
    return round(float(value), 12)


def _sequence(text: PairedText) -> dict[str, Any]:
    """Return the input of TrackEval's TrackMAP; ids count from 1, because it reads 0 as none."""
    tracks = [n for n in range(len(text.tracks)) if text.overlap.followed[:, n].any()]
    masks = text.clip.has_masks
    return {
        "gt_track_ids": [*range(1, len(text.objects) + 1)],
        "dt_track_ids": [*range(1, len(tracks) + 1)],
        "gt_tracks": [_shapes(text.clip, truth, masks) for truth in text.objects],
        "dt_tracks": [_shapes(text.clip, text.tracks[n], masks) for n in tracks],
        "dt_track_scores": np.array([text.tracks[n].score for n in tracks]),
        "gt_track_iscrowd": [position >= text.num_targets for position in range(len(text.objects))],
        "iou_type": "mask" if masks else "bbox",
        "boxformat": "x0y0x1y1",
    }


def _shapes(clip: EvaluatedClip, item: TruthObject | FollowedTrack, masks: bool) -> dict[int, Any]:
    """Return coded masks, or boxes, by frame."""
    rows = [row for row in positions(clip, item).tolist() if row >= 0]
    if not masks:
        return {int(item.frame_index[row]): item.boxes[row].astype(np.float64) for row in rows}
    size = [clip.video.height, clip.video.width]
    return {
        int(item.frame_index[row]): {"size": size, "counts": (item.rles[row] or "").encode("ascii")}
        for row in rows
    }

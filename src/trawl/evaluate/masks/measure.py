"""Measures masks: each true object against the one track that follows it best, over all clips.

    j, f, j_and_f        DAVIS 2017: mean over the frames of the clip of IoU and of the outlines' F;
                         frames on which neither the object nor its track is visible count 1
    j_recall, f_recall   share of frames above 0.5
    j_decay, f_decay     mean of the first quarter of the clip minus that of the last; an object
                         that nobody followed has 0 in all others, and no decay
    iou, boundary_iou    mean over the frames on which either is visible, unlike DAVIS' mean
    pixel_*              precision, recall and F1 over the pixels of all frames together
    dtssd                flicker; see `dtssd` in pair.py

Objects count once for each text that names them, in each clip.
"""

from collections import defaultdict
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trawl.evaluate.clip import EvaluatedClip
from trawl.evaluate.masks.pair import MaskPair, compare
from trawl.evaluate.measured import MeanSpec, Measured, SliceMeans
from trawl.evaluate.overlap import positions
from trawl.evaluate.pairing import PairedClip, PairedText
from trawl.evaluate.slices_objects import object_slices
from trawl.records.truth import Curve

_NONE = "no object that was asked for is in the clips"
_NONE_FOLLOWED = "no object that was asked for was followed"
_BOXES = "the ground truth has boxes only"
_OBJECTS = "j_and_f j j_recall f f_recall iou boundary_iou pixel_recall pixel_f1"
_SPECS = (
    *(MeanSpec(name, _NONE) for name in _OBJECTS.split()),
    MeanSpec("pixel_precision", _NONE_FOLLOWED),
    MeanSpec("j_decay", "no object was followed through four frames", "lower"),
    MeanSpec("f_decay", "no object was followed through four frames", "lower"),
    MeanSpec("dtssd", "no object was followed through two frames", "lower"),
)
_BIN_S = 0.5  # of the curve over time
_BINS = 4  # of DAVIS' decay


class Masks:
    """Accumulates the measurement clip by clip; keeps sums only."""

    def __init__(self) -> None:
        self._tally = SliceMeans("masks", _SPECS)
        self._over_time: dict[int, tuple[float, int]] = defaultdict(lambda: (0.0, 0))
        self._boxes_only = False

    def add(self, paired: PairedClip) -> None:
        if not paired.has_masks:
            self._boxes_only = True
            return
        for text in paired.texts:
            for position in range(text.num_targets):
                self._object(text, position)

    def measured(self) -> Measured:
        metrics = self._tally.metrics()
        if self._boxes_only:
            metrics = [
                replace(metric, why=_BOXES) if metric.value is None else metric
                for metric in metrics
            ]
        bins = sorted(self._over_time)
        sums = np.array([self._over_time[number] for number in bins]).reshape(-1, 2)
        times_s = (np.array(bins, np.float64) + 0.5) * _BIN_S
        curve = Curve(
            "j_over_time",
            "J",
            "seconds since the object was first seen",
            "J",
            times_s,
            sums[:, 0] / sums[:, 1],
        )
        return Measured(metrics, [curve] if bins else [])

    def _object(self, text: PairedText, position: int) -> None:
        clip, truth, n = text.clip, text.objects[position], text.track_of.get(position)
        slices = (*text.query.slices, *object_slices(clip, truth, text.num_targets))
        visible = positions(clip, truth) >= 0
        if n is None:
            self._tally.add(slices, dict.fromkeys(_OBJECTS.split(), 0.0))
            self._time(clip, visible, np.zeros(len(visible)))
            return
        masks = compare(clip, truth, text.tracks[n], text.overlap.iou[:, position, n])
        self._tally.add(slices, figures(masks))
        self._time(clip, visible, masks.j)

    def _time(
        self, clip: EvaluatedClip, visible: NDArray[np.bool_], j: NDArray[np.float64]
    ) -> None:
        since_s = clip.time_s - clip.time_s[np.argmax(visible)]
        for number, value in zip(
            (since_s[visible] / _BIN_S + 1e-9).astype(int).tolist(),
            j[visible].tolist(),
            strict=True,
        ):
            total, count = self._over_time[number]
            self._over_time[number] = total + value, count + 1


def figures(masks: MaskPair) -> dict[str, float | None]:
    """Return the metrics of one object and its track."""
    j, f = float(masks.j.mean()), float(masks.f.mean())
    precision, recall = (
        masks.shared / total if total else 0.0 for total in (masks.predicted, masks.true)
    )
    return {
        "j_and_f": (j + f) / 2,
        "j": j,
        "j_recall": _recall(masks.j),
        "j_decay": decay(masks.j),
        "f": f,
        "f_recall": _recall(masks.f),
        "f_decay": decay(masks.f),
        "iou": float(masks.j[masks.present].mean()),
        "boundary_iou": float(masks.boundary[masks.present].mean()),
        "pixel_precision": precision,
        "pixel_recall": recall,
        "pixel_f1": 2 * masks.shared / (masks.predicted + masks.true),
        "dtssd": float(masks.flicker.mean()) if len(masks.flicker) else None,
    }


def decay(values: NDArray[np.float64]) -> float | None:
    """Return the mean of the first quarter of (F,) values minus that of the last.

    This is DAVIS' definition; None below four frames. DAVIS' own code numbers frames in eight bits
    and is wrong from 256 frames on.
    """
    if len(values) < _BINS:
        return None
    edges = (np.round(np.linspace(1, len(values), _BINS + 1) + 1e-10) - 1).astype(np.int64)
    first, last = values[edges[0] : edges[1] + 1], values[edges[-2] : edges[-1] + 1]
    return float(first.mean() - last.mean())


def _recall(values: NDArray[np.float64]) -> float:
    return float((values > 0.5).mean())

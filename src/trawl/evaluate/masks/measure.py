"""How good the masks are: each true object against the one track that follows it best, over all
clips.

    j, f, j_and_f        DAVIS 2017: mean over the frames of the clip of IoU and of the outlines' F;
                         frames on which neither the
                         object nor its track is seen have 1. j_recall, f_recall: share of frames
                         above 0.5. j_decay, f_decay: the first quarter of the clip over the last.
                         An object that nobody followed has 0, and no decay.
    iou, boundary_iou    mean over the frames on which either is seen: what a part-time object
                         weighs in DAVIS' mean is not in it
    pixel_*              precision, recall and F1 over the pixels of all frames together
    dtssd                flicker; stability.py

Objects count once for each text that asks for them in each clip.
"""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from trawl.evaluate.clip import EvaluatedClip
from trawl.evaluate.masks.pair import MaskPair, compare
from trawl.evaluate.measured import Measured
from trawl.evaluate.overlap import positions
from trawl.evaluate.pairing import PairedClip, PairedText
from trawl.evaluate.slices_objects import object_slices
from trawl.evaluate.tally import Spec, Tally
from trawl.records.truth import Curve, Metric

_NONE = "no object that was asked for is in the clips"
_NONE_FOLLOWED = "no object that was asked for was followed"
_BOXES = "the ground truth has boxes only"
_OBJECTS = (
    "j_and_f",
    "j",
    "j_recall",
    "f",
    "f_recall",
    "iou",
    "boundary_iou",
    "pixel_recall",
    "pixel_f1",
)
_SPECS = (
    *(Spec(name, _NONE) for name in _OBJECTS),
    Spec("pixel_precision", _NONE_FOLLOWED),
    Spec("j_decay", "no object was followed through four frames", "lower"),
    Spec("f_decay", "no object was followed through four frames", "lower"),
    Spec("dtssd", "no object was followed through two frames", "lower"),
)
_BIN_S = 0.5  # of the curve over time
_BINS = 4  # of DAVIS' decay


class Masks:
    """The measurement. Feed it clip by clip; it keeps sums only."""

    def __init__(self) -> None:
        self._tally = Tally("masks", _SPECS)
        self._over_time: dict[int, tuple[float, int]] = defaultdict(lambda: (0.0, 0))
        self._boxes_only = False

    def add(self, paired: PairedClip) -> None:
        if not paired.has_masks:
            self._boxes_only = True
            return
        for text in paired.texts:
            for position in range(text.wanted):
                self._object(text, position)

    def measured(self) -> Measured:
        metrics = self._tally.metrics()
        if self._boxes_only:
            metrics = [_explained(one) for one in metrics]
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
        clip, one, n = text.clip, text.objects[position], text.track_of.get(position)
        slices = (*text.asked.slices, *object_slices(clip, one, text.wanted))
        seen = positions(clip, one) >= 0
        if n is None:
            self._tally.add(slices, dict.fromkeys(_OBJECTS, 0.0))
            self._time(clip, seen, np.zeros(len(seen)))
            return
        found = compare(clip, one, text.tracks[n], text.overlap.iou[:, position, n])
        self._tally.add(slices, figures(found))
        self._time(clip, seen, found.j)

    def _time(self, clip: EvaluatedClip, seen: NDArray[np.bool_], j: NDArray[np.float64]) -> None:
        since_s = clip.time_s - clip.time_s[np.argmax(seen)]
        for number, value in zip(
            (since_s[seen] / _BIN_S + 1e-9).astype(int).tolist(), j[seen].tolist(), strict=True
        ):
            total, count = self._over_time[number]
            self._over_time[number] = total + value, count + 1


def figures(found: MaskPair) -> dict[str, float | None]:
    """The figures of one object and its track."""
    j, f = float(found.j.mean()), float(found.f.mean())
    precision, recall = (
        found.right / total if total else 0.0 for total in (found.found, found.real)
    )
    return {
        "j_and_f": (j + f) / 2,
        "j": j,
        "j_recall": _recall(found.j),
        "j_decay": decay(found.j),
        "f": f,
        "f_recall": _recall(found.f),
        "f_decay": decay(found.f),
        "iou": float(found.j[found.there].mean()),
        "boundary_iou": float(found.boundary[found.there].mean()),
        "pixel_precision": precision,
        "pixel_recall": recall,
        "pixel_f1": 2 * found.right / (found.found + found.real),
        "dtssd": float(found.flicker.mean()) if len(found.flicker) else None,
    }


def decay(values: NDArray[np.float64]) -> float | None:
    """(F,) of all frames -> the mean of the first quarter less that of the last, as DAVIS has it;
    None below four frames.

    DAVIS' own code numbers frames in eight bits and is wrong from 256 of them on.
    """
    if len(values) < _BINS:
        return None
    edges = (np.round(np.linspace(1, len(values), _BINS + 1) + 1e-10) - 1).astype(np.int64)
    first, last = values[edges[0] : edges[1] + 1], values[edges[-2] : edges[-1] + 1]
    return float(first.mean() - last.mean())


def _recall(values: NDArray[np.float64]) -> float:
    return float((values > 0.5).mean())


def _explained(metric: Metric) -> Metric:
    if metric.value is not None:
        return metric
    return Metric(
        metric.family,
        metric.name,
        None,
        metric.slice,
        _BOXES,
        metric.unit,
        metric.better,
        metric.count,
    )

"""Measures identities with TrackEval's HOTA, CLEAR MOT and IDF1, on masks and on boxes.

A sequence is one text in one clip that shows such an object. A track of another text is no answer.
Tracks in clips without such an object are counted in `end_to_end.py`; otherwise these metrics would
depend on how many absent objects were searched for. HOTA, DetA, AssA and LocA are means over 19
thresholds, as in TrackEval. MOTA, MOTP, IDF1, switches and fragmentations are at IoU 0.5. Results
of sequences are combined as they come.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from trawl.evaluate import overlap
from trawl.evaluate.measured import ALL, Measured
from trawl.evaluate.overlap import Overlap
from trawl.evaluate.pairing import PairedClip, PairedText
from trawl.evaluate.slices_objects import objects_slice
from trawl.evaluate.tracking.sequence import sequence, with_witness
from trawl.records.truth import Curve, Metric

_BOXES_ONLY = "the ground truth has boxes only"
_NO_OBJECT = "no object that was asked for is in the clips"
_NO_IDENTITIES = "the ground truth does not say which objects of two frames are the same"
_NO_MATCH = "no track overlaps an object that was asked for"
_ON = ("masks", "boxes")
_FIGURES = (  # name, which of TrackEval's metrics, its field, what is better
    ("hota", "hota", "HOTA", "higher"),
    ("deta", "hota", "DetA", "higher"),
    ("assa", "hota", "AssA", "higher"),
    ("loca", "hota", "LocA", "higher"),
    ("mota", "clear", "MOTA", "higher"),
    ("motp", "clear", "MOTP", "higher"),
    ("idf1", "identity", "IDF1", "higher"),
    ("id_switches", "clear", "IDSW", "lower"),
    ("fragmentations", "clear", "Frag", "lower"),
)

Result = Mapping[str, Any]


class Tracking:
    """Accumulates the measurement clip by clip."""

    def __init__(self) -> None:
        from trackeval.metrics import CLEAR, HOTA, Identity  # takes seconds

        settings = {"THRESHOLD": 0.5, "PRINT_CONFIG": False}
        self._metrics = {"hota": HOTA(), "clear": CLEAR(settings), "identity": Identity(settings)}
        self._results: dict[tuple[str, str], dict[str, Result]] = {}
        self._slices = {ALL}
        self._boxes_only = False
        self._why = _NO_OBJECT

    def add(self, paired: PairedClip) -> None:
        if not paired.clip.identities:
            self._why = _NO_IDENTITIES
            return
        self._boxes_only |= not paired.has_masks
        for text in paired.texts:
            if not text.num_targets:
                continue
            slices = [ALL, *text.query.slices, objects_slice(text.num_targets)]
            self._slices.update(slices)
            if paired.has_masks:
                self._sequence("masks", slices, text.overlap, text.num_targets)
            self._sequence("boxes", slices, _boxes(text, paired.has_masks), text.num_targets)

    def measured(self) -> Measured:
        metrics = []
        for where in [ALL, *sorted(self._slices - {ALL})]:
            for on in _ON:
                why = _BOXES_ONLY if on == "masks" and self._boxes_only else self._why
                metrics += tracking_metrics(self._results.get((on, where)), on, where, why)
        curves = [
            curve
            for on in _ON
            if (results := self._results.get((on, ALL)))
            for curve in _curves(results["hota"], on)
        ]
        return Measured(metrics, curves)

    def _sequence(self, on: str, slices: list[str], pairs: Overlap, num_targets: int) -> None:
        data = sequence(pairs, num_targets)
        for name, metric in self._metrics.items():
            new = metric.eval_sequence(data)
            if name == "clear":
                new["Frag"] = metric.eval_sequence(with_witness(data))["Frag"]
            for where in slices:
                totals = self._results.setdefault((on, where), {})
                totals[name] = (
                    metric.combine_sequences({"before": totals[name], "new": new})
                    if name in totals
                    else new
                )


def _boxes(text: PairedText, has_masks: bool) -> Overlap:
    return overlap.of_boxes(text.clip, text.objects, text.tracks) if has_masks else text.overlap


def tracking_metrics(
    results: Mapping[str, Result] | None, on: str, where: str, why: str = _NO_OBJECT
) -> list[Metric]:
    """Return TrackEval's results as metrics, null where TrackEval's 0 or 1 has no meaning.

    Args:
        results: TrackEval's results by metric, or None if there are none.
        on: "masks" or "boxes".
        where: The slice.
        why: Why there are no results.
    """
    if results is None:
        return [
            Metric("tracking", f"{name}_{on}", None, where, why, "", better, 0)
            for name, _, _, better in _FIGURES
        ]
    clear, any_matched = results["clear"], bool(results["hota"]["HOTA_TP"].max() > 0)
    objects, matched = int(clear["CLR_TP"] + clear["CLR_FN"]), int(clear["CLR_TP"])
    undefined = {"loca": not any_matched, "assa": not any_matched, "motp": not matched}
    metrics = []
    for name, part, field, better in _FIGURES:
        value = None if undefined.get(name) else float(np.mean(results[part][field]))
        reason = _NO_MATCH if value is None else ""
        metrics.append(
            Metric("tracking", f"{name}_{on}", value, where, reason, "", better, objects)
        )
    return metrics


def _curves(hota: Result, on: str) -> list[Curve]:
    thresholds = np.arange(0.05, 0.99, 0.05)
    return [
        Curve(
            "hota_over_threshold",
            f"{name} of {on}",
            "IoU threshold",
            "share",
            thresholds,
            np.asarray(hota[name], np.float64),
        )
        for name in ("HOTA", "DetA", "AssA")
    ]

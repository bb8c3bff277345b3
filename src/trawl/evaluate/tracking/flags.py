"""Measures each flag as a detector of rows whose mask overlaps the track's object by less than 0.5.

The object of a track is its paired object, else the one that it overlaps most; a mask of a track of
nothing is wrong. Rows without a mask are marked as guesses already and are left out, as are tracks
of objects that are seen too little to count. precision: share of flagged rows that are wrong;
recall: share of wrong rows that are flagged.
"""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from trawl.config.steps import EvaluationConfig
from trawl.evaluate.measured import Measured
from trawl.evaluate.overlap import positions
from trawl.evaluate.pairing import PairedClip, PairedText
from trawl.records.tracking import Flag
from trawl.records.truth import Metric

_WRONG = 0.5  # IoU


class Flags:
    """Accumulates the measurement clip by clip; keeps counts only."""

    def __init__(self, config: EvaluationConfig) -> None:
        self._match_iou = config.match_iou
        self._rows = self._wrong = 0
        self._flagged: Counter[str] = Counter()
        self._right: Counter[str] = Counter()  # flagged, and the mask is wrong indeed

    def add(self, paired: PairedClip) -> None:
        for text in paired.texts:
            for n in range(len(text.tracks)):
                self._track(text, n)

    def measured(self) -> Measured:
        metrics = [
            Metric(
                "tracking",
                "wrong_masks",
                *_share(self._wrong, self._rows, "nothing was followed"),
                "lower",
                self._rows,
            )
        ]
        for flag in Flag:
            flagged, right = self._flagged[flag], self._right[flag]
            precision = _share(right, flagged, "no row has this flag")
            recall = _share(right, self._wrong, "no mask is wrong")
            metrics.append(
                Metric("tracking", f"flag_{flag.value}_precision", *precision, "higher", flagged)
            )
            metrics.append(
                Metric("tracking", f"flag_{flag.value}_recall", *recall, "higher", self._wrong)
            )
        return Measured(metrics)

    def _track(self, text: PairedText, n: int) -> None:
        iou = self._with_its_object(text, n)
        if iou is None:
            return
        track, at = text.tracks[n], positions(text.clip, text.tracks[n])
        for frame in np.flatnonzero(at >= 0).tolist():
            wrong = bool(iou[frame] < _WRONG)
            self._rows += 1
            self._wrong += wrong
            for flag in set(track.flags[at[frame]]):
                self._flagged[flag] += 1
                self._right[flag] += wrong

    def _with_its_object(self, text: PairedText, n: int) -> NDArray[np.float64] | None:
        """Return (F,) IoU with the track's object, zeros for a track of nothing.

        None if its object does not count.
        """
        paired = [k for k, track in text.track_of.items() if track == n]
        mean = text.overlap.mean()[:, n]
        if not paired and mean.max(initial=0.0) < self._match_iou:
            return np.zeros(len(text.clip.frame_index))
        position = paired[0] if paired else int(mean.argmax())
        return text.overlap.iou[:, position, n] if position < text.num_targets else None


def _share(part: int, total: int, why: str) -> tuple[float | None, str, str, str]:
    """Return (value, slice, why, unit) of a metric."""
    return (part / total, "all", "", "") if total else (None, "all", why, "")

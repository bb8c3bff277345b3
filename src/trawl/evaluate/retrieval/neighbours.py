"""Measures the vector index: the share of the truly nearest frames that its search returns.

A frame counts as found by its score, as in ann-benchmarks: a frame that scores as high as the last
true neighbour is as good, so ties cannot matter.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trawl.evaluate.measured import Measured
from trawl.evaluate.retrieval.truth import SampledFrames
from trawl.records.truth import Metric

NEIGHBOURS = 100
_AT = (10, NEIGHBOURS)
_ROUNDING = 1e-6


class NeighbourRecall:
    """Accumulates the recall text by text.

    Args:
        has_index: Whether there is a vector index to measure.
    """

    def __init__(self, sampled: SampledFrames, has_index: bool) -> None:
        self.has_index = has_index
        self._sampled = sampled
        self._places = {video_id: place for place, video_id in enumerate(sampled.video_ids)}
        self._found: dict[int, list[float]] = {k: [] for k in _AT}

    def add(self, hits: Sequence[tuple[str, int]], scores: NDArray[np.float32]) -> None:
        """Add the result of one text.

        Args:
            hits: (video_id, frame_index) of NEIGHBOURS frames as the vector index returns them,
                best first.
            scores: (F,) exact scores of every sampled frame.
        """
        hit_scores = scores[[self._row(*hit) for hit in hits]]
        for k in _AT:
            size = min(k, len(scores))
            last = np.partition(scores, -size)[-size]
            self._found[k].append(float((hit_scores[:size] >= last - _ROUNDING).sum() / size))

    def _row(self, video_id: str, frame_index: int) -> int:
        rows = self._sampled.rows(self._places[video_id])
        return int(rows.start) + int(np.searchsorted(self._sampled.frame_index[rows], frame_index))

    def measured(self, num_texts: int) -> Measured:
        why = (
            ""
            if self.has_index
            else "the index is small and has no vector index: a search reads every frame"
        )
        why = why or ("" if num_texts else "there is no text")
        values = {k: None if why else float(np.mean(recalls)) for k, recalls in self._found.items()}
        return Measured(
            [
                Metric("retrieval", f"ann_recall_at_{k}", values[k], why=why, count=num_texts)
                for k in _AT
            ]
        )

"""Measures text to frame: all sampled frames ranked by score, against those that answer the text."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trawl.evaluate.measured import Measured
from trawl.evaluate.retrieval.ranking import (
    CUTOFFS,
    DEPTH,
    RECALLS,
    RankingScores,
    ranked_order,
    score_rankings,
)
from trawl.evaluate.retrieval.slices import column, rank_columns, slice_metrics
from trawl.evaluate.retrieval.truth import Right, SampledFrames
from trawl.records.arrays import Indices
from trawl.records.truth import Case, Curve, Metric, TruthQuery

_KEYS = {"map": "ap", "mrr": "rr"}  # a mean over texts has a name of its own


class FrameRanking:
    """Ranks frames text by text, so that the scores of all texts need not be held at once."""

    def __init__(self, sampled: SampledFrames, annotated: NDArray[np.bool_], worst: int) -> None:
        """
        Args:
            annotated: (F,) bool, the frames that can be judged; only they are ranked.
            worst: cases to keep.
        """
        self._sampled = sampled
        self._rows: Indices = np.flatnonzero(annotated)
        self._worst = worst
        self._queries: list[TruthQuery] = []
        self._ranked: list[tuple[Indices, int] | None] = []
        self._cases: list[Case] = []

    def add(self, query: TruthQuery, right: Right, scores: NDArray[np.float32]) -> None:
        """Add one text's scores (F,) of every sampled frame."""
        self._queries.append(query)
        hits = np.isin(self._rows, right.frames, assume_unique=True)
        if not hits.any():
            self._ranked.append(None)
            return
        order = ranked_order(scores[self._rows], hits)
        places = np.flatnonzero(hits[order])
        self._ranked.append((places, len(places)))
        if places[0] > 0:
            self._cases.append(self._case(query.text, int(places[0]) + 1, self._rows[order]))

    def measured(self) -> Measured:
        """Return the metrics, two curves, and the texts whose first right frame comes latest."""
        judged = score_rankings(self._ranked)
        values = [scores.values if scores else None for scores in judged]
        names = (
            [f"recall_at_{k}" for k in CUTOFFS]
            + [f"precision_at_{k}" for k in CUTOFFS[1:]]
            + ["map", "mrr"]
        )
        columns = [column(f"frame_{name}", values, _KEYS.get(name, name)) for name in names]
        columns += rank_columns("frame", [scores.first if scores else None for scores in judged])
        metrics = slice_metrics(columns, self._queries, "right frame")
        worst = sorted(self._cases, key=lambda case: (-case.severity, case.text))[: self._worst]
        return Measured(
            [*metrics, *self._counts()],
            self._curves([scores for scores in judged if scores]),
            worst,
        )

    def _counts(self) -> list[Metric]:
        without, share = (
            sum(ranking is None for ranking in self._ranked),
            len(self._rows) / max(len(self._sampled), 1),
        )
        return [
            Metric(
                "retrieval",
                "texts_without_right_frame",
                without,
                better="",
                count=len(self._queries),
            ),
            Metric(
                "retrieval", "annotated_share_of_frames", share, better="", count=len(self._sampled)
            ),
        ]

    def _curves(self, judged: list[RankingScores]) -> list[Curve]:
        if not judged:
            return []
        return [
            recall_curve("frame", judged, len(self._rows)),
            Curve(
                kind="precision_recall",
                name="frame",
                x_label="recall",
                y_label="precision, interpolated",
                x=np.array(RECALLS),
                y=np.mean([scores.precision for scores in judged], axis=0),
            ),
        ]

    def _case(self, text: str, first: int, ranked: Indices) -> Case:
        wrong, right = (self._where(int(ranked[place])) for place in (0, first - 1))
        return Case(
            kind="ranked",
            text=text,
            severity=float(first),
            message=f"the first right frame is at rank {first}, {right}; first came {wrong}",
            video_id=self._sampled.video_of(int(ranked[0])),
            frame_index=int(self._sampled.frame_index[ranked[0]]),
        )

    def _where(self, row: int) -> str:
        return f"{self._sampled.video_of(row)} at {self._sampled.time_s[row]:.1f} s"


def recall_curve(name: str, judged: Sequence[RankingScores], ranked: int) -> Curve:
    """Return the share of texts with a right answer among the first k.

    k goes up to 50 or to the number of ranked items.
    """
    depth = min(DEPTH, ranked)
    return Curve(
        kind="recall_at_k",
        name=name,
        x_label="k",
        y_label="share of texts with a right answer among the first k",
        x=np.arange(1.0, depth + 1),
        y=np.mean([scores.success[:depth] for scores in judged], axis=0),
    )

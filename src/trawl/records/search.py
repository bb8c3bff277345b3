"""Records of a search: score curves, segments, and the answer to a text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trawl.records.arrays import Indices, Times


@dataclass(frozen=True, slots=True)
class ScoreCurve:
    """Holds how well each frame of one video answers a text.

    times_s (T,) float64 increasing; frame_index (T,) int64; scores (T,) float32 cosine similarity;
    duration_s of the video.
    """

    video_id: str
    duration_s: float
    times_s: Times
    frame_index: Indices
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        if not len(self.times_s) == len(self.frame_index) == len(self.scores):
            raise ValueError(
                f"{len(self.times_s)} times, {len(self.frame_index)} positions, {len(self.scores)} scores"
            )


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one video in which the text is likely seen: [start_s, end_s), scored by its
    hits.

    best_index, best_time_s: the hit with the highest score; num_hits: frames that support the
    segment; rerank_score: that of a second look at the best hit, see `query/rerank.py`, or None.
    """

    video_id: str
    start_s: float
    end_s: float
    score: float
    best_index: int
    best_time_s: float
    num_hits: int
    rerank_score: float | None = None

    @property
    def rank_key(self) -> float:
        """Return the key that orders the segments of an answer, highest first: those that were
        looked at again (0-1) before the rest.
        """
        return self.score - 2 if self.rerank_score is None else self.rerank_score


@dataclass(frozen=True, slots=True)
class Source:
    """Says where a video lies, as the ledger has it."""

    uri: str
    fingerprint: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The segments of one text, best first. background: the score of a typical frame."""

    query: str
    background: float
    segments: Sequence[Segment]

"""Measures text to video, ranked three ways: by mean vector, by best frame, and by segments.

The mean is CLIP4Clip's parameter-free head (Luo et al. 2021, "CLIP4Clip: An Empirical Study of CLIP
for End to End Video Clip Retrieval", section 3.3): unit vectors are averaged and normalised again.
A video is right if it shows the named objects at some moment.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trawl.evaluate.measured import Measured
from trawl.evaluate.retrieval.frames import recall_curve
from trawl.evaluate.retrieval.ranking import CUTOFFS, ranked_order, score_rankings
from trawl.evaluate.retrieval.slices import column, rank_columns, slice_metrics
from trawl.evaluate.retrieval.truth import Right, SampledFrames
from trawl.records.arrays import Embeddings, Indices
from trawl.records.search import Segment
from trawl.records.truth import TruthQuery


class MeanVectors:
    """Accumulates the mean of each video's frame vectors, a block of frames at a time."""

    def __init__(self, num_videos: int, dim: int) -> None:
        self._sums = np.zeros((num_videos, dim))

    def add(self, videos: NDArray[np.int64], vectors: Embeddings) -> None:
        """Add frames.

        Args:
            videos: (N,) position of each frame's video.
            vectors: (N, D), unit length.
        """
        np.add.at(self._sums, videos, vectors)

    def unit(self) -> Embeddings:
        """(V, D) float32, unit length; zero where the frames cancel out."""
        lengths = np.linalg.norm(self._sums, axis=1, keepdims=True)
        vectors: Embeddings = (self._sums / np.maximum(lengths, 1e-12)).astype(np.float32)
        return vectors


def best_frames(scores: NDArray[np.float32], sampled: SampledFrames) -> NDArray[np.float32]:
    """Return (Q, V) best scores of each video from (Q, F) scores of frames."""
    best: NDArray[np.float32] = np.maximum.reduceat(scores, sampled.starts[:-1], axis=1)
    return best


def in_order(segments: Sequence[Segment], video_ids: Sequence[str]) -> NDArray[np.float32]:
    """Return (V,) scores that rank videos by their best segment; -inf without a segment."""
    best: dict[str, float] = {}
    for segment in segments:
        best[segment.video_id] = max(segment.rank_key, best.get(segment.video_id, -np.inf))
    return np.array([best.get(video_id, -np.inf) for video_id in video_ids], np.float32)


def measure_videos(
    way: str,
    queries: Sequence[TruthQuery],
    rights: Sequence[Right],
    scores: NDArray[np.float32],
    complete: bool,
) -> Measured:
    """Return the metrics of one way of ranking, named `video_<way>_...`, and its curve.

    Args:
        scores: (Q, V) of every video, -inf for a video that is not listed.
        complete: Whether every video is ranked for every text. Otherwise a right video may have no
            rank, so ranks have no mean.
    """
    ranked = [_rank(right, of_query) for right, of_query in zip(rights, scores, strict=True)]
    judged = score_rankings(ranked)
    values = [ranking.values if ranking else None for ranking in judged]
    columns = [column(f"video_{way}_recall_at_{k}", values, f"recall_at_{k}") for k in CUTOFFS]
    columns.append(column(f"video_{way}_map", values, "ap"))
    if complete:
        columns += rank_columns(
            f"video_{way}", [ranking.first if ranking else None for ranking in judged]
        )
    curves = (
        [recall_curve(f"video, {way}", with_answer, scores.shape[1])]
        if (with_answer := [ranking for ranking in judged if ranking])
        else []
    )
    return Measured(slice_metrics(columns, queries, "right video"), curves)


def _rank(right: Right, scores: NDArray[np.float32]) -> tuple[Indices, int] | None:
    if not right.videos.any():
        return None
    order = ranked_order(scores, right.videos)
    return np.flatnonzero(right.videos[order] & np.isfinite(scores[order])), int(right.videos.sum())

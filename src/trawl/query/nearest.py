"""Finds the videos that answer a text best, and scores each of their frames.

    1. candidates   approximate nearest neighbours, filtered first, until enough different videos
                    have been seen
    2. curves       the exact score of every frame of those videos, in time order

The second step makes scores exact whatever the index did, and gives segments the frames between the
hits. One video full of near-identical frames cannot starve the others: videos already seen are left
out of the next round. The n best segments lie within the n videos with the best frames, so n videos
suffice. Reads an open table and knows nothing of models, of segments or of who published what.
Traded away: a candidate's frames are all read, minutes or hours of video alike.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trawl.config.steps import SearchConfig
from trawl.query.filters import bad_filter, quoted
from trawl.records.arrays import Embeddings
from trawl.records.search import ScoreCurve
from trawl.storage import lance_faults

_MAX_ROUNDS = 8
_SLICES, _SLICE_ROWS = 8, 256


class FrameSearch:
    """Search of one frames table, open at one version."""

    def __init__(self, frames: Any, config: SearchConfig, condition: str | None = None) -> None:
        """
        Args:
            frames: a Lance dataset with `schemas.frames_schema`.
            config: `frames`, `segments`, `nprobes` and `refine_factor` are read here.
            condition: SQL that frames must meet, in the words of the table; see `filters.to_sql`.
        """
        self._frames = frames
        self._config = config
        self._condition = condition
        self._sample: Embeddings | None = None

    def curves(self, vector: NDArray[np.float32]) -> list[ScoreCurve]:
        """The score curves of the best videos, best first; as many videos as segments are wanted,
        if there are.

        Args:
            vector: (D,) float32, unit length.

        Raises:
            ConfigError: the condition is not valid SQL over the table.
        """
        return self._read_curves(self._candidates(vector), vector)

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, int]]:
        """(video_id, frame_index) of the k best frames, best first, as the vector index finds them.

        Same Args as `curves`.
        """
        hits = self._nearest(vector, k, [])
        return list(zip(hits["video_id"].to_pylist(), hits["frame_index"].to_pylist(), strict=True))

    def background(self, vector: NDArray[np.float32]) -> float:
        """The score of a typical frame of the table: the median over up to 2,048 frames from 8
        places of it.

        Same Args as `curves`.
        """
        if self._sample is None:
            self._sample = self._read_sample()
        return float(np.median(self._sample @ vector)) if len(self._sample) else 0.0

    def _candidates(self, vector: NDArray[np.float32]) -> list[str]:
        """Ids of the videos with the best frames, best first."""
        best: dict[str, float] = {}
        wanted, k = self._config.segments, self._config.frames
        for _ in range(_MAX_ROUNDS):
            hits = self._nearest(vector, k, list(best))
            for video_id, distance in zip(
                hits["video_id"].to_pylist(), hits["_distance"].to_pylist(), strict=True
            ):
                best.setdefault(video_id, 1.0 - distance)
            if len(best) >= wanted or hits.num_rows < k:
                break
            k *= 2
        return sorted(best, key=lambda video_id: (-best[video_id], video_id))[:wanted]

    def _nearest(self, vector: NDArray[np.float32], k: int, seen: Sequence[str]) -> Any:
        query = {
            "column": "embedding",
            "q": vector,
            "k": k,
            "metric": "cosine",
            "nprobes": self._config.nprobes,
            "refine_factor": self._config.refine_factor,
        }
        unseen = f"video_id NOT IN ({', '.join(map(quoted, seen))})" if seen else None
        return self._table(
            ["video_id", "frame_index", "_distance"],
            self._where(unseen),
            nearest=query,
            prefilter=True,
        )

    def _read_curves(self, video_ids: list[str], vector: NDArray[np.float32]) -> list[ScoreCurve]:
        if not video_ids:
            return []
        where = self._where(f"video_id IN ({', '.join(map(quoted, video_ids))})")
        columns = ["video_id", "frame_index", "time_s", "duration_s", "embedding"]
        parts: dict[str, list[tuple[Any, ...]]] = {video_id: [] for video_id in video_ids}
        for batch in self._scan(columns, where):
            scores = unit_vectors(batch["embedding"]) @ vector
            codes = batch["video_id"].dictionary_encode()
            code = codes.indices.to_numpy()
            for number, video_id in enumerate(codes.dictionary.to_pylist()):
                rows = code == number
                taken = (
                    batch[name].to_numpy()[rows] for name in ("time_s", "frame_index", "duration_s")
                )
                parts[video_id].append((*taken, scores[rows]))
        curves = [_curve(video_id, found) for video_id, found in parts.items()]
        return sorted(curves, key=lambda curve: (-curve.scores.max(), curve.video_id))

    def _read_sample(self) -> Embeddings:
        total = self._frames.count_rows()
        starts = np.unique(np.linspace(0, max(total - _SLICE_ROWS, 0), _SLICES).astype(int))
        rows = sorted(
            {row for start in starts for row in range(start, min(start + _SLICE_ROWS, total))}
        )
        table = self._frames.take(rows, columns=["embedding"])
        return (
            unit_vectors(table["embedding"].combine_chunks())
            if rows
            else np.empty((0, 1), np.float32)
        )

    def _scan(self, columns: list[str], where: str | None) -> Iterator[Any]:
        with lance_faults(self._frames.uri):
            yield from self._frames.scanner(columns=columns, filter=where).to_batches()

    def _where(self, extra: str | None) -> str | None:
        terms = [f"({term})" for term in (self._condition, extra) if term]
        return " AND ".join(terms) or None

    def _table(self, columns: list[str], where: str | None, **options: Any) -> Any:
        try:
            with lance_faults(self._frames.uri):
                return self._frames.to_table(columns=columns, filter=where, **options)
        except ValueError as error:
            if self._condition is None:
                raise
            raise bad_filter(self._condition, error) from error


def _curve(video_id: str, parts: list[tuple[Any, ...]]) -> ScoreCurve:
    times, positions, durations, scores = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    order = np.argsort(times, kind="stable")
    return ScoreCurve(video_id, float(durations[0]), times[order], positions[order], scores[order])


def unit_vectors(column: Any) -> Embeddings:
    """A fixed-size-list column -> (N, D) float32, unit length again after its rounding to float16."""
    values = (
        column.flatten().to_numpy(zero_copy_only=False).astype(np.float32).reshape(len(column), -1)
    )
    vectors: Embeddings = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    return vectors

"""Measures how well the published index answers the texts of a ground truth.

    1. sampled     the frames of the annotated videos that the index holds
    2. right       the frames, stretches and videos that answer each text
    3. frames      every text against every frame, exactly, in blocks of texts and frames; and the
                   same for videos
    4. segments    as a query job answers, with vector index and second look
    5. neighbours  what the vector index loses against 3

Reads the index as a query does, without Ray. Memory holds the scores of one block of texts, 64 MiB,
and one vector per video. A table too large for one block of texts is read once per block.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trawl.config.steps import EvaluationConfig, SearchConfig
from trawl.errors import ConfigError
from trawl.evaluate.measured import Measured
from trawl.evaluate.retrieval.frames import FrameRanking
from trawl.evaluate.retrieval.neighbours import NEIGHBOURS, NeighbourRecall
from trawl.evaluate.retrieval.segments import measure_segments
from trawl.evaluate.retrieval.truth import Right, SampledFrames, check_indexed, judge
from trawl.evaluate.retrieval.videos import MeanVectors, best_frames, in_order, measure_videos
from trawl.evaluate.robustness import typos
from trawl.evaluate.truth import Truth
from trawl.query import rerank, templates
from trawl.query.published import PublishedIndex
from trawl.query.rerank import Reranker
from trawl.records.arrays import Embeddings, Indices
from trawl.records.search import Answer
from trawl.records.truth import TruthQuery

EmbedTexts = Callable[[Sequence[str]], Embeddings]
# texts and their vectors
Ask = Callable[[Sequence[str], Sequence[NDArray[np.float32]]], list[Answer]]

_BLOCK_SCORES = 2**24
# Metrics reported for misspelt texts, beside those of the texts as they are.
_ROBUSTNESS = (
    "frame_recall_at_1 frame_recall_at_5 frame_recall_at_10 frame_map segment_recall_at_1_iou_0_5 "
    "video_mean_recall_at_1 video_max_recall_at_1"
)


def measure_retrieval(
    index: PublishedIndex,
    truth: Truth,
    embed_texts: EmbedTexts,
    search: SearchConfig,
    evaluation: EvaluationConfig,
    reranker: Reranker | None = None,
) -> Measured:
    """Measure all of retrieval, and misspelt texts if `evaluation.robustness` names spelling.

    Args:
        embed_texts: The index's text model: Q texts -> (Q, D), unit length.
        search: As in the query job; `search.where` narrows what is evaluated.
        evaluation: `min_visibility`, `worst`, `rerank` and `robustness` are read here.
        reranker: Looks again at the `evaluation.rerank` best segments of each answer.

    Raises:
        ConfigError: `search` is invalid.
        TruthError: The ground truth and the index disagree on videos or times.
    """
    templates.check_templates(search.templates)
    sampled, places = _sampled(index, truth, search.where)
    queries = truth.queries()
    rights, annotated = judge(sampled, truth, queries, evaluation.min_visibility)
    ask = _asking(index, rerank.pool(search, evaluation.rerank), sampled.video_ids, reranker)
    index_truth = _IndexTruth(index, search, sampled, places, annotated, queries, rights, ask)
    plain = index_truth.measure([query.text for query in queries], embed_texts, evaluation.worst)
    if "spelling" not in evaluation.robustness:
        return plain
    slips = index_truth.measure([typos.misspell(query.text) for query in queries], embed_texts, 0)
    return plain + _beside(plain, "clean") + _beside(slips, "spelling")


@dataclass(frozen=True, slots=True)
class _IndexTruth:
    """Holds an index and its right answers, for texts that may be searched in several wordings.

    Args:
        places: (F,) position of each table row among the sampled frames.
        annotated: (F,) bool, which of the sampled frames are annotated.
        rights: Right answers to each of `queries`.
    """

    index: PublishedIndex
    search: SearchConfig
    sampled: SampledFrames
    places: Indices
    annotated: NDArray[np.bool_]
    queries: list[TruthQuery]
    rights: list[Right]
    ask: Ask

    def measure(self, texts: list[str], embed_texts: EmbedTexts, worst: int) -> Measured:
        """Measure texts, each in place of the query at its position."""
        vectors = [
            templates.query_vector(text, self.search.templates, embed_texts) for text in texts
        ]
        return self._exact(vectors, worst) + self._segments(texts, vectors)

    def _exact(self, vectors: list[NDArray[np.float32]], worst: int) -> Measured:
        """Measure frames and videos exactly, and the vector index against them."""
        frames = FrameRanking(self.sampled, self.annotated, worst)
        neighbours = NeighbourRecall(self.sampled, self.index.published.vector_index is not None)
        nearest = self.index.search(self.search, self.sampled.video_ids)
        by_mean, by_best = [], []
        for chosen in self._blocks(len(vectors)):
            block = np.stack(vectors[chosen])
            scores, means = self._scores(block)
            by_mean.append(block @ means.T)
            by_best.append(best_frames(scores, self.sampled))
            for query, right, vector, its_scores in zip(
                self.queries[chosen], self.rights[chosen], block, scores, strict=True
            ):
                frames.add(query, right, its_scores)
                if neighbours.has_index:
                    neighbours.add(nearest.nearest(vector, NEIGHBOURS), its_scores)
        measured = frames.measured() + neighbours.measured(len(self.queries))
        for way, parts in (("mean", by_mean), ("max", by_best)):
            scores = np.concatenate(
                [np.empty((0, len(self.sampled.video_ids)), np.float32), *parts]
            )
            measured += measure_videos(way, self.queries, self.rights, scores, complete=True)
        return measured

    def _segments(self, texts: list[str], vectors: list[NDArray[np.float32]]) -> Measured:
        """Measure segments as the query job returns them, and videos by their best segments."""
        segments, video_ids = (
            [answer.segments for answer in self.ask(texts, vectors)],
            self.sampled.video_ids,
        )
        scores = np.array([in_order(ranked, video_ids) for ranked in segments], np.float32)
        scores = scores.reshape(len(texts), len(video_ids))
        return measure_segments(
            self.queries, self.rights, segments, self.search.segments
        ) + measure_videos("segment", self.queries, self.rights, scores, complete=False)

    def _blocks(self, count: int) -> Iterator[slice]:
        size = max(_BLOCK_SCORES // len(self.sampled), 1)
        return (slice(start, start + size) for start in range(0, count, size))

    def _scores(self, text_vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], Embeddings]:
        """Return (Q, F) scores of the sampled frames, and each video's mean vector.

        Args:
            text_vectors: (Q, D).
        """
        scores = np.empty((len(text_vectors), len(self.sampled)), np.float32)
        means = MeanVectors(len(self.sampled.video_ids), text_vectors.shape[1])
        row = 0
        for frame_index, vectors in self.index.vectors(self.search.where, self.sampled.video_ids):
            rows = self.places[row : row + len(vectors)]
            assert np.array_equal(self.sampled.frame_index[rows], frame_index), (
                "two reads of one version differ"
            )
            scores[:, rows] = text_vectors @ vectors.T
            means.add(self.sampled.videos_of(rows), vectors)
            row += len(vectors)
        assert row == len(self.sampled)
        return scores, means.unit()


def _asking(
    index: PublishedIndex, search: SearchConfig, among: Sequence[str], reranker: Reranker | None
) -> Ask:
    """Return a function that answers as a query job does, among some videos."""

    def ask(texts: Sequence[str], vectors: Sequence[NDArray[np.float32]]) -> list[Answer]:
        answers = index.answers(texts, vectors, search, among)
        return [reranker.rerank(answer) for answer in answers] if reranker else answers

    return ask


def _sampled(
    index: PublishedIndex, truth: Truth, where: str | None
) -> tuple[SampledFrames, Indices]:
    """Return the evaluated frames, and (F,) the position of each table row among them."""
    annotated = truth.video_ids()
    table = index.frames(None, annotated)
    check_indexed(annotated, table["video_id"].unique().to_pylist())
    if where is not None:
        table = index.frames(where, annotated)
        if not table.num_rows:
            raise ConfigError(
                f'search.where="{where}" leaves none of the {len(annotated)} annotated videos to '
                "evaluate"
            )
    codes = table["video_id"].combine_chunks().dictionary_encode()
    names = np.array(codes.dictionary.to_pylist())
    video_ids, place = np.unique(names, return_inverse=True)
    video = place[codes.indices.to_numpy()]
    frame_index, time_s = table["frame_index"].to_numpy(), table["time_s"].to_numpy()
    order = np.lexsort((frame_index, video))
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    starts = np.concatenate([[0], np.cumsum(np.bincount(video, minlength=len(video_ids)))])
    return SampledFrames(
        tuple(video_ids.tolist()), starts, frame_index[order], time_s[order]
    ), places


def _beside(measured: Measured, name: str) -> Measured:
    """Return some of the metrics over all texts as a slice of robustness."""
    by_name = {
        metric.name: metric
        for metric in measured.metrics
        if metric.slice == "all" and metric.name in _ROBUSTNESS.split()
    }
    return Measured(
        [replace(by_name[key], family="robustness", slice=name) for key in _ROBUSTNESS.split()]
    )

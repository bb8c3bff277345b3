"""A second look at the best segments: their best frames are decoded again and compared with the
text part by part.

An index holds one vector a frame, which forgets small things, and which of two things had which
colour. Parts of the picture know, but are ten or a hundred times as much to embed or to store. So
the vectors find the candidates, and a few pictures are looked at again, as retrieve-and-rerank does
with passages of text (Nogueira and Cho 2019, arXiv 1901.04085).

    rerank score = cosine of the best frame x for each thing named, the highest share that any part
    of that frame gives it among
                   phrases for what else may be there (of a prompt with a negative weight: 1 less
                   that share)

The picture is seen whole, whatever the index does with its aspect. A segment whose picture cannot
be had comes after those that were looked at, in the order it had.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trawl.config.jobs import EvaluateConfig, QueryConfig
from trawl.config.steps import SearchConfig
from trawl.decode.desk import PictureDesk
from trawl.models.clip.weights import BUILTIN
from trawl.models.protocols import DenseEmbedder, Embedder
from trawl.query import templates
from trawl.query.published import PublishedIndex, openable
from trawl.records.search import Answer, Segment

if TYPE_CHECKING:
    from trawl.ground.views import View

_BATCH = 32  # pictures in memory at a time: a megabyte or two each
_WIDE = 2  # so that a picture twice as wide as high is not enlarged
# of their best frames, (H, W, 3) RGB
Pictures = Callable[[Sequence[Segment]], Sequence[NDArray[np.uint8] | None]]


def pool(search: SearchConfig, first: int) -> SearchConfig:
    """The search that brings enough segments for a second look at the `first` best."""
    return replace(search, segments=max(search.segments, first))


class Reranker:
    """Looks again at what one index's answers found."""

    def __init__(
        self, model: DenseEmbedder, search: SearchConfig, first: int, pictures: Pictures
    ) -> None:
        """
        Args:
            model: the index's.
            search: as the user set it; `segments` is read here.
            first: segments of each answer that are looked at, the best ones; the search was with
                `pool(search, first)`.
            pictures: gives a picture for each of some segments, or None.
        """
        from trawl.ground.views import AveragedTexts

        self._model, self._search, self._first, self._pictures = model, search, first, pictures
        self._vectors = AveragedTexts(
            model, lambda phrase: templates.fill(phrase, templates.SENTENCE)
        )

    def rerank(self, answer: Answer) -> Answer:
        """The same with its first segments looked at and put in order, and with no more segments
        than were asked for.
        """
        candidates, rest = answer.segments[: self._first], answer.segments[self._first :]
        parts = [candidates[start : start + _BATCH] for start in range(0, len(candidates), _BATCH)]
        scores = [score for part in parts for score in self._scores(answer.query, part)]
        looked = [
            replace(one, rerank_score=score) for one, score in zip(candidates, scores, strict=True)
        ]
        ranked = sorted([*looked, *rest], key=lambda one: -one.rank_key)
        return replace(answer, segments=ranked[: self._search.segments])

    def _scores(self, query: str, candidates: Sequence[Segment]) -> list[float | None]:
        from trawl.ground.anywhere import best_shares

        prompts = [
            (thing, weight)
            for phrase, weight in templates.parse_prompts(query)
            if weight
            for thing in templates.named_things(phrase)
        ]
        pictures = self._pictures(candidates)
        there = [picture for picture in pictures if picture is not None]
        shares = best_shares(self._model, [self._view(phrase) for phrase, _ in prompts], there)
        wanted = np.array([weight > 0 for _, weight in prompts])
        factors = iter(np.where(wanted, shares, 1 - shares).prod(axis=1).tolist())
        return [
            None if picture is None else max(segment.score, 0.0) * next(factors)
            for segment, picture in zip(candidates, pictures, strict=True)
        ]

    def _view(self, phrase: str) -> "View":
        from trawl.ground.views import view_of

        return view_of(phrase, self._model.contrast, self._vectors, self._model.logit_scale)


def seeing(embedder: Embedder) -> DenseEmbedder:
    """Return what locates things on a picture: patches that were trained to, or else windows, which
    any embedder understands.

    Patches of a CLIP that was trained on whole pictures are for grounding, where the tracker and a
    crop have a say as well.
    """
    from trawl.models.clip.dense import DenseClip
    from trawl.models.clip.openclip import OpenClipEmbedder
    from trawl.models.clip.tiled import TiledEmbedder

    if isinstance(embedder, OpenClipEmbedder) and embedder.blueprint.weights == BUILTIN:
        return DenseClip(embedder)
    return TiledEmbedder(embedder)


def open_reranker(
    embedder: Embedder,
    index: PublishedIndex,
    desk: PictureDesk,
    config: QueryConfig | EvaluateConfig,
    first: int,
) -> Reranker:
    """Around the index's model; pictures come from the dataset's videos, as far as they are as they
    were when indexed.
    """
    model = seeing(embedder)

    def pictures(segments: Sequence[Segment]) -> list[NDArray[np.uint8] | None]:
        sources = openable(
            config.dataset, config.storage, index.sources(one.video_id for one in segments)
        )
        shots = desk.best_frames(segments, sources, _WIDE * model.image_spec.size)
        return [shots[one.video_id, one.best_time_s].pixels for one in segments]

    return Reranker(model, config.search, first, pictures)

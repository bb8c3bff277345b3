"""A second look at the best segments: their best frames are decoded again and compared with the text patch by patch.

An index holds one vector a frame, which forgets small things, and which of two things had which colour. The patches that it was
made of know, but are a hundred times as much to store. So the vectors find the candidates, and a few pictures are looked at
again, as retrieve-and-rerank does with passages of text (Nogueira and Cho 2019, arXiv 1901.04085).

    rerank score = cosine of the best frame x for each prompt, the highest share that any patch of that frame gives it among
                   phrases for what else may be there (of a prompt with a negative weight: 1 less that share)

The picture is seen whole, whatever the index does with its aspect. A segment whose picture cannot be had comes after those that
were looked at, in the order it had.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trawl import templates
from trawl.config import EvaluateConfig, QueryConfig, SearchConfig
from trawl.errors import ConfigError
from trawl.models import registry
from trawl.models.weights import Blueprint
from trawl.pipelines.pictures import PictureDesk
from trawl.pipelines.retrieve import PublishedIndex, openable
from trawl.records import Segment
from trawl.results import Answer

if TYPE_CHECKING:
    from trawl.ground.views import View
    from trawl.models.protocols import DenseEmbedder

_WIDE = 2  # so that a picture twice as wide as high is not enlarged
Pictures = Callable[[Sequence[Segment]], Sequence[NDArray[np.uint8] | None]]  # of their best frames, (H, W, 3) RGB


def check(blueprint: Blueprint, first: int) -> None:
    """Whether an index's model has patches to look at, as far as its settings tell. Imports no torch.

    Args:
        first: as the user set it; 0: none shall be looked at, so that any model will do.

    Raises:
        ConfigError: it has not.
    """
    from trawl.models import dense

    try:
        if first:
            dense.check(blueprint)
    except ConfigError:
        raise _refused(blueprint, first) from None


def pool(search: SearchConfig, first: int) -> SearchConfig:
    """The search that brings enough segments for a second look at the `first` best."""
    return replace(search, segments=max(search.segments, first))


class Reranker:
    """Looks again at what one index's answers found."""

    def __init__(self, model: "DenseEmbedder", search: SearchConfig, first: int, pictures: Pictures) -> None:
        """
        Args:
            model: the index's.
            search: as the user set it; `templates` and `segments` are read here.
            first: segments of each answer that are looked at, the best ones; the search was with `pool(search, first)`.
            pictures: gives a picture for each of some segments, or None.
        """
        from trawl.ground.views import AveragedTexts

        self._model, self._search, self._first, self._pictures = model, search, first, pictures
        self._vectors = AveragedTexts(model, lambda phrase: templates.fill(phrase, search.templates))

    def rerank(self, answer: Answer) -> Answer:
        """The same with its first segments looked at and put in order, and with no more segments than were asked for."""
        candidates, rest = answer.segments[: self._first], answer.segments[self._first :]
        scores = self._scores(answer.query, candidates)
        looked = [replace(one, rerank_score=score) for one, score in zip(candidates, scores, strict=True)]
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


def open_reranker(
    blueprint: Blueprint,
    device: str,
    index: PublishedIndex,
    desk: PictureDesk,
    config: QueryConfig | EvaluateConfig,
    first: int,
) -> Reranker:
    """Loads the index's model; pictures come from the dataset's videos, as far as they are as they were when indexed.

    Raises:
        ConfigError: the model has no patches to look at, which its settings did not tell.
    """
    from trawl.models.dense import DenseClip
    from trawl.models.openclip import OpenClipEmbedder

    embedder = registry.build(blueprint, device)
    assert isinstance(embedder, OpenClipEmbedder), "check refuses the others"
    try:
        model = DenseClip(embedder)
    except ConfigError:  # such as a ResNet
        raise _refused(blueprint, first) from None

    def pictures(segments: Sequence[Segment]) -> list[NDArray[np.uint8] | None]:
        sources = openable(config.dataset, config.storage, index.sources(one.video_id for one in segments))
        shots = desk.best_frames(segments, sources, _WIDE * model.image_spec.size)
        return [shots[one.video_id, one.best_time_s].pixels for one in segments]

    return Reranker(model, config.search, first, pictures)


def _refused(blueprint: Blueprint, first: int) -> ConfigError:
    return ConfigError(
        f"rerank={first}: this index is of {blueprint.model}, whose patches cannot be compared with a text: leave it out, or "
        "index with one of open_clip's own ViTs, as embedder=openclip_b16 does"
    )

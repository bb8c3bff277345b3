"""The second look, over a model that knows colours and pictures that are handed in."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from color_patches import ColorPatches

from trawl.config.models import EmbedderConfig
from trawl.config.steps import SearchConfig
from trawl.models.clip import embedders as registry
from trawl.models.clip.dense import DenseClip
from trawl.models.clip.tiled import TiledEmbedder
from trawl.models.fakes import embedder as fakes
from trawl.query import rerank
from trawl.query.rerank import Reranker, pool, seeing
from trawl.records.search import Answer, Segment

# video -> what its best frame shows, each a patch or two, and the cosine that the one vector gave
# it
SHOWN = {
    "gray.mp4": ((), 0.9),
    "both.mp4": (("red", "blue"), 0.6),
    "blue.mp4": (("blue",), 0.8),
    "red.mp4": (("red",), 0.5),
    "gone.mp4": (None, 0.7),
}


def segment(video_id: str) -> Segment:
    return Segment(video_id, 0.0, 2.0, SHOWN[video_id][1], 5, 0.5, 3)


def pictures(segments: Sequence[Segment]) -> list[np.ndarray | None]:
    return [_picture(SHOWN[one.video_id][0]) for one in segments]


def _picture(colors: tuple[str, ...] | None) -> np.ndarray | None:
    if colors is None:
        return None
    found = np.full((64, 64, 3), fakes.COLORS["gray"], np.uint8)
    for k, color in enumerate(colors):
        found[8:24, 8 + 24 * k : 24 + 24 * k] = fakes.COLORS[color]
    return found


def answer(query: str) -> Answer:
    return Answer(query, 0.1, sorted(map(segment, SHOWN), key=lambda one: -one.score))


def again(query: str, first: int = 20, **search: int) -> Answer:
    config = SearchConfig(templates="none", **search)  # type: ignore[arg-type]
    return Reranker(ColorPatches(), config, first, pictures).rerank(answer(query))


def names(found: Answer) -> list[str]:
    return [one.video_id.removesuffix(".mp4") for one in found.segments]


def test_what_shows_the_thing_comes_first_and_what_cannot_be_looked_at_last() -> None:
    found = again("a red thing")
    assert names(found)[:2] == ["both", "red"] and names(found)[-1] == "gone"
    assert found.segments[-1].rerank_score is None
    scores = [one.rerank_score for one in found.segments[:-1]]
    assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]
    assert scores[0] == pytest.approx(0.6, abs=0.03) and scores[1] == pytest.approx(
        0.5, abs=0.03
    ), "cosine x share"
    assert [replace(one, rerank_score=None) for one in found.segments] == [
        segment(one.video_id) for one in found.segments
    ], "nothing else of a segment changes"


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("a red thing | a blue thing", "both"),
        ("a red thing and a blue thing", "both"),
        ("a red thing:2 | a blue thing:-1", "red"),
        ("a blue thing:1 | a red thing:-0.5", "blue"),
        ("a blue thing | a red thing:0", "blue"),
    ],
)
def test_every_prompt_counts(query: str, best: str) -> None:
    assert names(again(query))[0] == best


def test_only_the_first_are_looked_at() -> None:
    found = again("a red thing", first=3)
    assert set(names(found)[:2]) == {"gray", "blue"} and names(found)[2:] == [
        "gone",
        "both",
        "red",
    ], "the rest as it was"
    assert [one.rerank_score is None for one in found.segments] == [False, False, True, True, True]


def test_no_more_segments_than_were_asked_for() -> None:
    search = SearchConfig(segments=2)
    assert (
        pool(search, 20).segments == 20
        and pool(search, 0).segments == 2
        and pool(search, 1).segments == 2
    )
    assert names(again("a red thing", segments=2)) == ["both", "red"]


def test_few_pictures_are_in_memory_however_many_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def counted(segments: Sequence[Segment]) -> list[np.ndarray | None]:
        asked.append(len(segments))
        return pictures(segments)

    monkeypatch.setattr(rerank, "_BATCH", 2)
    found = Reranker(ColorPatches(), SearchConfig(), 20, counted).rerank(answer("a red thing"))
    assert asked == [2, 2, 1] and found.segments == again("a red thing").segments


def test_an_empty_answer_stays_empty() -> None:
    reranker = Reranker(ColorPatches(), SearchConfig(templates="none"), 20, pictures)
    assert reranker.rerank(Answer("a red thing", 0.0, [])).segments == []


def test_a_cosine_below_nothing_does_not_turn_the_order_round() -> None:
    reranker = Reranker(ColorPatches(), SearchConfig(templates="none"), 20, pictures)
    below = [replace(segment("gray.mp4"), score=-0.1), replace(segment("red.mp4"), score=-0.2)]
    assert [
        one.rerank_score for one in reranker.rerank(Answer("a red thing", 0.0, below)).segments
    ] == [0.0, 0.0]


def test_what_was_trained_to_point_uses_its_patches_and_others_windows() -> None:
    builtin = EmbedderConfig(kind="openclip", model="trawl-demo-clip", weights="builtin")
    assert isinstance(seeing(registry.build(registry.resolve(builtin), "cpu")), DenseClip)
    assert isinstance(seeing(fakes.FakeEmbedder()), TiledEmbedder)
    vit = EmbedderConfig(kind="openclip", model="ViT-B-32", weights="random:0")
    assert isinstance(seeing(registry.build(registry.resolve(vit), "cpu")), TiledEmbedder)

"""From what a person types to what is searched for."""

from collections.abc import Sequence

import numpy as np
import pytest

from trawl.errors import ConfigError
from trawl.models.fakes.embedder import FakeEmbedder
from trawl.query.templates import TEMPLATES, check_templates, fill, parse_prompts, query_vector


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("a red star", [("a red star", 1.0)]),
        ("  a   red\nstar ", [("a red star", 1.0)]),
        ("the clock shows 10:30", [("the clock shows 10:30", 1.0)]),
        ("a red star:2 | a blue ring:-1", [("a red star", 2.0), ("a blue ring", -1.0)]),
        ("a | b:0.5", [("a", 1.0), ("b", 0.5)]),
        ("at 10:30 | noon: bright", [("at 10", 30.0), ("noon: bright", 1.0)]),
    ],
    ids=["plain", "spaces", "colon", "weights", "one weight", "numbers are weights, words are not"],
)
def test_prompts(text: str, prompts: list[tuple[str, float]]) -> None:
    assert parse_prompts(text) == prompts


@pytest.mark.parametrize("text", ["", "  \n", "a | ", "|", ":2 | b"])
def test_empty_prompts_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="empty"):
        parse_prompts(text)


def test_a_set_is_the_renormalised_mean_of_its_sentences() -> None:
    fake = FakeEmbedder()
    mean = fake.embed_texts(fill("a red star", "clip")).mean(axis=0)
    found = query_vector("a red star", "clip", fake.embed_texts)
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), rtol=1e-5)
    assert found.dtype == np.float32


def test_none_is_the_text_as_it_stands() -> None:
    seen: list[str] = []

    def spy(texts: Sequence[str]) -> np.ndarray:
        seen.extend(texts)
        return FakeEmbedder().embed_texts(texts)

    query_vector("{} is a {brace}", "none", spy)
    assert seen == ["{} is a {brace}"]


def test_a_negative_weight_pushes_away() -> None:
    embed = FakeEmbedder().embed_texts
    blue = embed(["blue"])[0]
    plain, without = (query_vector(text, "none", embed) for text in ("red | blue", "red | blue:-1"))
    assert plain @ blue > 0.5 and without @ blue < -0.5
    np.testing.assert_allclose(np.linalg.norm(without), 1, rtol=1e-6)


def test_prompts_that_cancel_out_are_refused() -> None:
    with pytest.raises(ConfigError, match="cancel out"):
        query_vector("red | red:-1", "none", FakeEmbedder().embed_texts)


def test_sets_are_sentences_with_a_place_for_the_phrase() -> None:
    for name, sentences in TEMPLATES.items():
        assert all(sentence.count("{}") == 1 for sentence in sentences), name
        assert len(set(sentences)) == len(sentences), name


def test_an_unknown_set_is_one_line() -> None:
    with pytest.raises(ConfigError, match="did you mean 'clip'"):
        check_templates("clipp")

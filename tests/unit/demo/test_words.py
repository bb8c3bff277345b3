"""The vocabulary's promises: which pairs are held out, and how things are said."""

import itertools
from collections import Counter

import numpy as np
import pytest

from trawl.demo import words


def test_every_color_and_shape_has_two_pairs_that_only_test_shows():
    assert len(words.TEST_ONLY) == 24
    assert set(Counter(color for color, _ in words.TEST_ONLY).values()) == {2}
    assert set(Counter(shape for _, shape in words.TEST_ONLY).values()) == {2}
    assert Counter(words.SEEN + words.UNSEEN) == Counter(
        (c, s) for c in words.COLORS for s in words.SHAPES
    )


def test_the_query_of_the_readme_is_an_ordinary_one():
    assert ("red", "star") in words.SEEN


@pytest.mark.parametrize(
    ("nouns", "background", "said"),
    [
        (["red star"], "", "a red star"),
        (["orange ring"], "waves", "an orange ring over waves"),
        (
            ["red star", "orange ring"],
            "gradient",
            "a red star and an orange ring over a plain background",
        ),
    ],
)
def test_describe(nouns, background, said):
    assert words.describe(nouns, background) == said


def test_rewording_keeps_words_without_synonym_and_always_replaces_at_chance_one():
    assert (
        words.reworded("large purple star", np.random.default_rng(0), chance=1.0)
        == "big violet star"
    )
    assert (
        words.reworded("large purple star", np.random.default_rng(0), chance=0.0)
        == "large purple star"
    )


def test_sizes_do_not_touch():
    ranges = sorted(words.SIZES.values())
    assert all(a[1] < b[0] for a, b in itertools.pairwise(ranges))

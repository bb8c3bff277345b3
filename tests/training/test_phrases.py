"""Texts and what makes them true."""

import numpy as np
import pytest

from training.phrases import TEMPLATES, Want, caption, every_text, fill, vocabulary
from trawl.demo import words


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_takes_a_noun(template):
    text = fill(template, "orange star")
    assert "orange star" in text and "{" not in text and "a orange" not in text


def test_vocabulary_is_every_pair_of_training_then_every_word_alone():
    phrases = vocabulary("{a}")
    assert len(phrases) == len(words.SEEN) + 24
    assert [phrase.wants[0] for phrase in phrases[:120]] == [Want(c, s) for c, s in words.SEEN]
    assert phrases[-1].wants == (Want(shape="hourglass"),)


def test_captions_are_about_what_was_given_and_varied():
    things = [Want("red", "star", "large"), Want("blue", "ring", "small")]
    rng = np.random.default_rng(0)
    captions = [caption(rng, things, "waves") for _ in range(200)]
    for phrase in captions:
        assert {(w.color, w.shape) for w in phrase.wants} <= {("red", "star"), ("blue", "ring")}
        assert phrase.background in ("", "waves")
        assert ("waves" in phrase.text) == (phrase.background == "waves")
    assert len({phrase.text for phrase in captions}) > 60
    assert {len(phrase.wants) for phrase in captions} == {1, 2}


def test_every_text_covers_all_words_that_captions_use():
    known = {word.strip(".") for text in every_text() for word in text.split()}
    rng = np.random.default_rng(1)
    for pair in words.SEEN[::5]:
        for kind in words.BACKGROUNDS:
            said = caption(rng, [Want(*pair, "large")], kind).text
            assert {word.strip(".") for word in said.split()} <= known, said

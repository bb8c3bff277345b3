"""Phrases among what else may be there."""

import numpy as np
import pytest
from color_patches import ColorPatches

from trawl.ground.views import AveragedTexts, same_thing, view_of

VECTORS = {
    "a red star": np.array([1, 0, 0], np.float32),
    "a crimson star": np.array([0.9, 0.436, 0], np.float32),  # cosine 0.9: another word for it
    "a blue ring": np.array([0, 0, 1], np.float32),
    "a star": np.array([0, 1, 0], np.float32),
}


@pytest.mark.parametrize(
    ("phrase", "other", "same"),
    [
        ("a red star", "a red star", True),
        ("a star", "a red star", True),
        ("a red thing", "a red star", True),
        ("a large red star", "a red star", True),
        ("The Star.", "a red star", True),
        ("a red star", "a red heart", False),
        ("a thing", "a wall", False),
        ("一只狗", "a wall", False),
    ],
)
def test_phrases_that_say_the_same_are_no_contrast(phrase: str, other: str, same: bool) -> None:
    assert same_thing(phrase, other) is same


def test_what_means_the_same_is_not_held_against_a_phrase() -> None:
    view = view_of("a red star", list(VECTORS), VECTORS.__getitem__, 5.0)
    np.testing.assert_array_equal(view.texts, [VECTORS["a red star"], VECTORS["a blue ring"]])


def test_a_share_is_a_softmax_over_the_phrase_and_the_others() -> None:
    view = view_of("a red star", ["a blue ring"], VECTORS.__getitem__, 5.0)
    patches = np.array([[[2.0, 0, 0], [0, 0, 2.0]], [[1.0, 0, 1.0], [0, 9.0, 0]]], np.float32)
    expected = [[1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))], [0.5, 0.5]]
    np.testing.assert_allclose(view.share(patches), expected, rtol=1e-5)
    assert view.share_of_picture(VECTORS["a red star"]) == pytest.approx(
        1 / (1 + np.exp(-5.0)), rel=1e-5
    )


def test_the_mean_of_a_phrases_sentences_has_unit_length_and_is_computed_once() -> None:
    asked: list[list[str]] = []

    class Counting(ColorPatches):
        def embed_texts(self, texts: list[str]) -> np.ndarray:  # type: ignore[override]
            asked.append(texts)
            return super().embed_texts(texts)

    vectors = AveragedTexts(Counting(), lambda phrase: [phrase, f"{phrase} in blue"])
    found = vectors("red")
    np.testing.assert_array_equal(found, vectors("red"))
    assert asked == [["red", "red in blue"]]
    mean = Counting().embed_texts(["red", "red in blue"]).mean(axis=0)
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), rtol=1e-6)

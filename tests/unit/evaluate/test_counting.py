"""What counts in a stretch, what is ignored there, and what the corpus holds at all."""

import numpy as np
import pytest
from beside_truth import square, truth

from trawl.config.steps import EvaluationConfig
from trawl.evaluate.counting import Answers, corpus, counts
from trawl.records.truth import TruthQuery, TruthVideo

CONFIG = EvaluationConfig(min_share=0.2, min_visibility=0.5)


def video(video_id: str, *objects) -> TruthVideo:
    return TruthVideo(video_id, 60, 80, np.arange(20), np.arange(20) / 10, tuple(objects))


def on(object_id: int, frames: range, visibility: float = 1.0):
    return truth(object_id, {n: square(5) for n in frames}, visibility=visibility)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(on(1, range(2)), True, id="just enough frames"),
        pytest.param(on(1, range(1)), False, id="too few"),
        pytest.param(on(1, range(10), 0.5), True, id="just enough of it"),
        pytest.param(on(1, range(10), 0.49), False, id="too little of it"),
        pytest.param(on(1, range(9, 20)), False, id="too few of these frames"),
        pytest.param(truth(1, dict.fromkeys(range(10))), False, id="wholly hidden"),
        pytest.param(on(1, range(15, 20)), False, id="elsewhere"),
    ],
)
def test_counts(one, expected: bool) -> None:
    assert counts(one, np.arange(10), CONFIG) is expected


def test_a_share_stored_in_single_precision_counts() -> None:
    assert counts(on(1, range(10), 0.3), np.arange(10), EvaluationConfig(min_visibility=0.3))


def test_what_is_seen_too_little_is_ignored_and_what_is_not_seen_is_nothing() -> None:
    present = video(
        "a.mp4", on(1, range(10)), on(2, range(1)), on(3, range(15, 20)), on(4, range(10))
    )
    answers = Answers([TruthQuery("a red star", {"a.mp4": ((1, 2, 3),)}, ("things=1",))])
    assert answers.in_stretch("a red star", present, np.arange(10), CONFIG) == ((1,), (2,))


def test_texts_are_known_whatever_their_dress() -> None:
    answers = Answers([TruthQuery("a red star", {"a.mp4": ((2,), (1,))}, ("things=1",))])
    assert answers.knows(" Red  STAR")
    assert answers.objects("the red star", "a.mp4") == (1, 2)
    assert answers.slices("red star") == ("things=1",)
    assert answers.objects("red star", "b.mp4") == ()
    assert not answers.knows("a red stare")


def test_corpus_holds_what_counts_in_its_video() -> None:
    videos = [
        video("a.mp4", on(1, range(20)), on(2, range(3))),
        video("b.mp4", on(1, range(20)), on(5, range(20))),
    ]
    queries = [
        TruthQuery("a red star", {"a.mp4": ((1, 2),), "b.mp4": ((5,),)}, ("things=1",)),
        TruthQuery("a blue ring", {"b.mp4": ((1,),)}),
    ]
    result = corpus(videos, ["a red star", "a dog", "a red star"], Answers(queries), CONFIG)
    assert result.objects == {("a red star", "a.mp4", 1), ("a red star", "b.mp4", 5)}
    assert result.slices == {"a red star": ("things=1",)}

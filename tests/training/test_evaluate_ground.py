"""The measure itself: on scenes whose answers are known, a perfect grounder is perfect and a blind
one is not.
"""

from collections.abc import Sequence

import numpy as np
import pytest

from training import evaluate_ground, gallery
from training.evaluate_ground import Answer, Question, TruthTracker, average_precision
from training.gallery import Gallery
from trawl.demo import words
from trawl.masks import bounding_box
from trawl.models.protocols import Session
from trawl.records.arrays import Frames
from trawl.records.tracking import Detections, Prompt

SIZE = 64


@pytest.fixture(scope="module")
def shown() -> Gallery:
    return gallery.drawn(0, 12, SIZE, "test")


@pytest.fixture(scope="module")
def asked(shown: Gallery) -> list[Question]:
    return list(evaluate_ground.questions(shown))


class Knowing:
    """Finds exactly what is there, each at the same score, and says so `times` times."""

    def __init__(self, asked: Sequence[Question], times: int = 1) -> None:
        self._by_scene: dict[bytes, dict[str, Question]] = {}
        self._asked, self._times, self._scene = asked, times, -1

    def detect(
        self, session: Session, frames: Frames, positions: Sequence[int], phrases: Sequence[str]
    ) -> list[Detections]:
        scenes = sorted({q.scene for q in self._asked})
        self._scene = next(s for s in scenes if s > self._scene)
        mine = [q for q in self._asked if q.scene == self._scene]
        assert [q.phrase for q in mine] == list(phrases)
        pairs = [(k, m) for k, q in enumerate(mine) for m in q.answers for _ in range(self._times)]
        masks = np.stack([m for _, m in pairs]) if pairs else np.empty((0, SIZE, SIZE), bool)
        boxes = np.array([bounding_box(m) for m in masks], np.float32).reshape(-1, 4)
        return [
            Detections(
                boxes,
                np.full(len(pairs), 0.9, np.float32),
                np.array([k for k, _ in pairs], np.int64),
                masks,
            )
        ]


def test_as_many_absent_things_are_asked_for_as_present_ones(
    shown: Gallery, asked: list[Question]
) -> None:
    for n, seen in enumerate(shown.seen):
        mine = [q for q in asked if q.scene == n]
        there = {
            words.article(words.name(s.want.color, s.want.shape)) for s in seen if s.mask.any()
        }
        present, absent = [q for q in mine if q.answers], [q for q in mine if not q.answers]
        assert len(present) == len(absent)
        assert {q.phrase for q in present} <= there and not {q.phrase for q in absent} & there
    assert {q.shares_word for q in asked if not q.answers} == {True, False}
    assert {q.unseen for q in asked} == {True, False}


def test_a_perfect_grounder_is_perfect(shown: Gallery, asked: list[Question]) -> None:
    answers = evaluate_ground.ask(Knowing(asked), TruthTracker(shown), shown, asked)
    line = evaluate_ground.line("all", answers, 0.5)
    assert (line.precision, line.recall, line.average_precision, line.false_targets) == (1, 1, 1, 0)
    assert line.present == line.absent == len(asked) // 2


def test_a_thing_found_twice_is_wrong_once(shown: Gallery, asked: list[Question]) -> None:
    answers = evaluate_ground.ask(Knowing(asked, times=2), TruthTracker(shown), shown, asked)
    line = evaluate_ground.line("all", answers, 0.5)
    assert (line.precision, line.recall) == (0.5, 1)


def test_a_threshold_above_all_scores_finds_nothing(shown: Gallery, asked: list[Question]) -> None:
    answers = evaluate_ground.ask(Knowing(asked), TruthTracker(shown), shown, asked)
    line = evaluate_ground.line("all", answers, 0.95)
    assert np.isnan(line.precision) and (line.recall, line.average_precision) == (0, 1)


def test_false_targets_are_counted_once_a_question() -> None:
    absent = Question(0, "a red star", (), False, False, 1)
    answers = [
        Answer(absent, np.array([0.9, 0.8], np.float32), np.zeros(2, bool)),
        Answer(absent, np.array([0.1], np.float32), np.zeros(1, bool)),
    ]
    line = evaluate_ground.line("absent", answers, 0.5)
    assert (line.false_targets, line.precision) == (0.5, 0) and np.isnan(line.recall)


def test_a_mask_is_right_from_half_overlap_on_and_each_thing_once() -> None:
    thing = np.zeros((10, 10), bool)
    thing[:, :4] = True
    masks = np.zeros((3, 10, 10), bool)
    masks[0, :, :2], masks[1, :, :1], masks[2] = True, True, thing
    found = Detections(
        np.zeros((3, 4), np.float32),
        np.array([0.9, 0.8, 0.7], np.float32),
        np.zeros(3, np.int64),
        masks,
    )
    answer = evaluate_ground.judge(Question(0, "a red star", (thing,), False, False, 1), found, 0)
    assert answer.right.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("scores", "right", "things", "expected"),
    [
        ([0.9, 0.8], [True, True], 2, 1.0),
        ([0.9, 0.8], [False, True], 1, 0.5),
        ([0.8, 0.9], [False, True], 2, 0.5),
        ([], [], 3, 0.0),
    ],
    ids=["all", "second", "one never", "none"],
)
def test_average_precision(
    scores: list[float], right: list[bool], things: int, expected: float
) -> None:
    assert average_precision(
        np.array(scores, np.float32), np.array(right, bool), things
    ) == pytest.approx(expected)


def test_kinds_are_asked_for_where_there_are_several() -> None:
    shown = gallery.drawn(0, 8, SIZE, "val", pairs=[("red", shape) for shape in words.SHAPES])
    asked = list(evaluate_ground.kind_questions(shown))
    assert asked and {q.phrase for q in asked} == {"a red thing"}
    assert all(len(q.answers) >= 2 for q in asked)


def test_the_truth_tracker_gives_the_thing_that_fills_a_box(shown: Gallery) -> None:
    n, thing = next(
        (n, s) for n, seen in enumerate(shown.seen) for s in seen if len(seen) == 1 and s.mask.any()
    )
    session = TruthTracker(shown).open(shown.images[n : n + 1])
    masks, scores = session.segment(
        [Prompt(0, 0, box=np.array(bounding_box(thing.mask), np.float32))]
    )
    np.testing.assert_array_equal(masks[0], thing.mask)
    assert scores.tolist() == [1.0]
    assert session.segment([])[0].shape == (0, SIZE, SIZE)

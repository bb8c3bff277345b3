"""Text to frame on a handful of frames, worked out by hand."""

import numpy as np
import pytest

from trawl.evaluate.measured import Measured
from trawl.evaluate.retrieval.frames import FrameRanking
from trawl.evaluate.retrieval.truth import Right, SampledFrames
from trawl.records.truth import TruthQuery

FRAMES = SampledFrames(
    ("a", "b"),
    np.array([0, 4, 6]),
    np.array([0, 5, 10, 15, 0, 5]),
    np.array([0, 0.5, 1, 1.5, 0, 0.5]),
)
SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], np.float32)


def right(*frames: int) -> Right:
    return Right(np.array(frames, np.int64), np.zeros(2, bool))


def rank(*asked: tuple[str, Right], annotated: list[int] | None = None, worst: int = 5) -> Measured:
    indexed = np.ones(6, bool)
    indexed[annotated or []] = False
    ranking = FrameRanking(FRAMES, indexed, worst)
    for text, its_right in asked:
        ranking.add(TruthQuery(text, {}, (f"kind={text}",)), its_right, SCORES)
    return ranking.measured()


def value(measured: Measured, name: str, part: str = "all") -> float | None:
    return next(
        metric.value for metric in measured.metrics if (metric.name, metric.slice) == (name, part)
    )


def test_by_hand() -> None:
    result = rank(("first", right(0, 2)), ("third", right(2, 5)), ("never", right()))
    assert value(result, "frame_recall_at_1") == 0.5
    assert value(result, "frame_recall_at_5") == 1.0
    assert value(result, "frame_recall_at_1", "kind=third") == 0.0
    assert value(result, "frame_precision_at_5") == pytest.approx((2 / 5 + 1 / 5) / 2)
    assert value(result, "frame_map") == pytest.approx(((1 + 2 / 3) / 2 + (1 / 3 + 2 / 6) / 2) / 2)
    assert value(result, "frame_mrr") == pytest.approx((1 + 1 / 3) / 2)
    assert value(result, "frame_mean_rank") == value(result, "frame_median_rank") == 2.0
    assert value(result, "frame_map", "kind=never") is None
    assert value(result, "texts_without_right_frame") == 1


def test_curves_are_means_over_the_texts_with_an_answer() -> None:
    recall, precision = rank(
        ("first", right(0, 2)), ("third", right(2, 5)), ("never", right())
    ).curves
    assert recall.y.tolist() == [0.5, 0.5, 1.0, 1.0, 1.0, 1.0] and recall.x.tolist() == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
    assert precision.y[0] == pytest.approx((1 + 1 / 3) / 2)
    assert precision.y[10] == pytest.approx((2 / 3 + 2 / 6) / 2)


def test_frames_that_nobody_annotated_are_out_of_the_ranking() -> None:
    result = rank(("x", right(2)), annotated=[0, 1])
    assert value(result, "frame_recall_at_1") == 1.0
    assert value(result, "annotated_share_of_frames") == pytest.approx(4 / 6)


def test_cases_are_the_latest_first_with_the_frame_that_came_before() -> None:
    cases = rank(("late", right(5)), ("second", right(1)), ("good", right(0))).cases
    assert [(case.text, case.severity) for case in cases] == [("late", 6.0), ("second", 2.0)]
    assert (
        cases[0].message == "the first right frame is at rank 6, b at 0.5 s; first came a at 0.0 s"
    )
    assert (cases[0].kind, cases[0].video_id, cases[0].frame_index) == ("ranked", "a", 0)
    assert len(rank(("late", right(5)), ("second", right(1)), worst=1).cases) == 1


def test_nothing_to_rank_is_null_and_draws_nothing() -> None:
    result = rank(("never", right()))
    assert value(result, "frame_map") is None and not result.curves and not result.cases

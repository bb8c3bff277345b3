"""Text to segment: overlap in time and its matching, against QVHighlights' written out here, and by
hand.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trawl.evaluate.measured import Measured
from trawl.evaluate.retrieval.segments import measure_segments, overlaps, take
from trawl.evaluate.retrieval.truth import Right
from trawl.records.search import Segment
from trawl.records.truth import TruthQuery


def segment(video_id: str, start_s: float, end_s: float, score: float) -> Segment:
    return Segment(video_id, start_s, end_s, score, 0, start_s, 1)


def right(**stretches: list[tuple[float, float]]) -> Right:
    return Right(np.empty(0, np.int64), np.zeros(1, bool), stretches)


def value(measured: Measured, name: str) -> float | None:
    return next(
        metric.value for metric in measured.metrics if (metric.name, metric.slice) == (name, "all")
    )


def one_text(its_right: Right, *segments: Segment) -> Measured:
    return measure_segments([TruthQuery("x", {})], [its_right], [segments], 20)


@pytest.mark.parametrize(
    ("start_s", "end_s", "iou"),
    [
        (0, 10, 1.0),
        (5, 15, 5 / 15),
        (10, 20, 0.0),
        (2, 4, 0.2),
        (-10, 30, 0.25),
        (12, 20, 0.0),
        (3, 3, 0.0),
    ],
)
def test_overlap_in_time(start_s: float, end_s: float, iou: float) -> None:
    result = overlaps(
        [segment("a", start_s, end_s, 1.0), segment("b", 0, 10, 1.0)], right(a=[(0, 10)])
    )
    assert result.tolist() == [[pytest.approx(iou)], [0.0]]


def as_qvhighlights(ious: np.ndarray, threshold: float) -> list[bool]:
    """The loop of `compute_average_precision_detection`: a prediction tries the truths in the order
    of overlap.
    """
    locked: set[int] = set()
    result = []
    for row in ious:
        hit = False
        for truth in np.argsort(-row, kind="stable"):
            if row[truth] < threshold:
                break
            if int(truth) not in locked:
                locked.add(int(truth))
                hit = True
                break
        result.append(hit)
    return result


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(0, 8), st.integers(0, 5)),
        elements=st.sampled_from([0, 0.2, 0.3, 0.5, 0.6, 0.9]),
    ),
    st.sampled_from([0.3, 0.5, 0.7]),
)
def test_the_matching_is_that_of_qvhighlights(ious: np.ndarray, threshold: float) -> None:
    assert take(ious, threshold).tolist() == as_qvhighlights(ious, threshold)


def test_by_hand() -> None:
    result = one_text(
        right(a=[(0, 10), (20, 30)], b=[(0, 4)]),
        segment("c", 0, 10, 0.9),  # the wrong video
        segment("a", 0, 8, 0.8),  # 0.8 of the first
        segment("a", 2, 10, 0.7),  # the first again
        segment("a", 20, 26, 0.6),  # 0.6 of the second
    )
    assert [value(result, f"segment_recall_at_1_iou_0_{t}") for t in (3, 5, 7)] == [0, 0, 0]
    assert [value(result, f"segment_recall_at_5_iou_0_{t}") for t in (3, 5, 7)] == [1, 1, 1]
    assert value(result, "segment_map_iou_0_5") == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert value(result, "segment_map_iou_0_7") == pytest.approx((1 / 2) / 3)
    assert value(result, "segment_map") == pytest.approx(
        (2 * (1 / 2 + 2 / 4) / 3 + (1 / 2) / 3) / 3
    )
    assert value(result, "segment_mean_iou_at_1") == 0.0
    assert value(result, "segment_mean_iou_at_5") == pytest.approx(0.8)
    assert result.curves[0].y[:3].tolist() == [0.0, 1.0, 1.0] and len(result.curves[0].x) == 20


def test_among_equal_scores_the_worse_segment_counts_first() -> None:
    good, bad = segment("a", 0, 10, 0.5), segment("b", 0, 10, 0.5)
    its_right = right(a=[(0, 10)])
    assert one_text(its_right, good, bad).metrics == one_text(its_right, bad, good).metrics
    assert value(one_text(its_right, good, bad), "segment_recall_at_1_iou_0_5") == 0.0


def test_after_a_second_look_its_order_counts() -> None:
    good, bad = segment("a", 0, 10, 0.2), segment("b", 0, 10, 0.9)
    its_right = right(a=[(0, 10)])
    # the other one's picture was gone
    looked = one_text(its_right, replace(good, rerank_score=0.1), bad)
    assert value(looked, "segment_recall_at_1_iou_0_5") == 1.0
    assert value(one_text(its_right, good, bad), "segment_recall_at_1_iou_0_5") == 0.0


def test_an_answer_without_segments_scores_nothing_and_a_text_without_truth_is_left_out() -> None:
    assert value(one_text(right(a=[(0, 1)])), "segment_map") == 0.0
    assert value(one_text(right(), segment("a", 0, 1, 1.0)), "segment_map") is None

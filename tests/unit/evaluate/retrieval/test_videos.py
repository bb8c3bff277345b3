"""Text to video: pooling by mean and by best frame against numpy, and lists that leave videos out."""

import numpy as np
import pytest

from trawl.evaluate.measured import Measured
from trawl.evaluate.retrieval.truth import Right, SampledFrames
from trawl.evaluate.retrieval.videos import MeanVectors, best_frames, in_order, measure_videos
from trawl.records.search import Segment
from trawl.records.truth import TruthQuery


def right(*videos: bool) -> Right:
    return Right(np.empty(0, np.int64), np.array(videos))


def value(measured: Measured, name: str) -> float | None:
    return next(
        metric.value for metric in measured.metrics if (metric.name, metric.slice) == (name, "all")
    )


def test_the_mean_is_of_unit_length_however_it_came_in() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((30, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    videos = rng.integers(0, 4, 30)
    mean = MeanVectors(5, 8)
    for rows in np.array_split(rng.permutation(30), 3):
        mean.add(videos[rows], vectors[rows])
    for video in range(4):
        pooled = vectors[videos == video].mean(axis=0)
        np.testing.assert_allclose(mean.unit()[video], pooled / np.linalg.norm(pooled), atol=1e-6)
    assert not mean.unit()[4].any(), "a video whose frames cancel out points nowhere"


def test_the_best_frame_of_each_video() -> None:
    sampled = SampledFrames(
        ("a", "b", "c"), np.array([0, 2, 3, 6]), np.zeros(6, np.int64), np.zeros(6)
    )
    scores = np.array([[0.1, 0.9, 0.5, 0.2, 0.3, 0.1], [0.5, 0.1, 0.0, 0.9, 0.2, 0.9]], np.float32)
    assert best_frames(scores, sampled).tolist() == pytest.approx(
        np.array([[0.9, 0.5, 0.3], [0.5, 0.0, 0.9]], np.float32)
    )


def test_by_hand() -> None:
    queries = [TruthQuery(text, {}) for text in "abc"]
    scores = np.array([[0.9, 0.8, 0.7], [0.1, 0.2, 0.3], [0.5, 0.5, 0.5]], np.float32)
    rights = [right(True, False, True), right(True, False, False), right(False, False, False)]
    result = measure_videos("max", queries, rights, scores, complete=True)
    assert value(result, "video_max_recall_at_1") == 0.5
    assert value(result, "video_max_map") == pytest.approx(((1 + 2 / 3) / 2 + 1 / 3) / 2)
    assert value(result, "video_max_mean_rank") == 2.0
    assert result.curves[0].y.tolist() == [0.5, 0.5, 1.0]


def test_a_model_that_likes_all_videos_alike_finds_none() -> None:
    result = measure_videos(
        "mean",
        [TruthQuery("a", {})],
        [right(True, False)],
        np.full((1, 2), 0.3, np.float32),
        complete=True,
    )
    assert value(result, "video_mean_recall_at_1") == 0.0


def test_a_right_video_that_is_not_listed_is_not_found_and_has_no_rank() -> None:
    segments = [
        Segment("b", 0, 1, 0.9, 0, 0.0, 1),
        Segment("a", 0, 1, 0.8, 0, 0.0, 1),
        Segment("b", 5, 6, 0.7, 0, 5.0, 1),
    ]
    scores = in_order(segments, ["a", "b", "c"])[None]
    assert scores.argsort().tolist() == [[2, 0, 1]] and scores[0, 2] == -np.inf
    result = measure_videos(
        "segment", [TruthQuery("x", {})], [right(True, False, True)], scores, complete=False
    )
    assert value(result, "video_segment_recall_at_1") == 0.0
    assert value(result, "video_segment_recall_at_5") == 1.0
    assert value(result, "video_segment_map") == pytest.approx((1 / 2) / 2), (
        "c is right and not listed"
    )
    assert not [metric for metric in result.metrics if "rank" in metric.name]


def test_after_a_second_look_its_order_counts() -> None:
    segments = [
        Segment("a", 0, 1, 0.1, 0, 0.0, 1, rerank_score=0.05),
        Segment("b", 0, 1, 0.9, 0, 0.0, 1),
    ]
    assert in_order(segments, ["a", "b", "c"]).argsort().tolist() == [2, 1, 0]

"""Means over all texts and over each kind; nulls that say why."""

import numpy as np

from trawl.evaluate.retrieval.slices import Column, column, rank_columns, slice_metrics
from trawl.records.truth import TruthQuery

QUERIES = [
    TruthQuery("a", {}, ("kind=one", "new")),
    TruthQuery("b", {}, ("kind=one",)),
    TruthQuery("c", {}, ("kind=two",)),
    TruthQuery("d", {}, ()),
]


def test_texts_without_a_right_answer_are_left_out_and_a_slice_of_them_is_null() -> None:
    columns = [column("x", [{"v": 1.0}, {"v": 0.0}, None, {"v": 0.5}], "v")]
    result = {metric.slice: metric for metric in slice_metrics(columns, QUERIES, "right frame")}
    assert list(result) == ["all", "kind=one", "kind=two", "new"]
    assert [(metric.value, metric.count) for metric in result.values()] == [
        (0.5, 3),
        (0.5, 2),
        (None, 0),
        (1.0, 1),
    ]
    assert result["kind=two"].why == "none of the 1 texts has a right frame in the evaluated videos"
    assert not result["all"].why


def test_median_and_mean_rank_are_better_when_lower() -> None:
    result = {
        metric.name: metric
        for metric in slice_metrics(rank_columns("frame", [1, 2, 30, None]), QUERIES[:4], "")
        if metric.slice == "all"
    }
    assert result["frame_median_rank"].value == 2 and result["frame_mean_rank"].value == 11
    assert {metric.better for metric in result.values()} == {"lower"}


def test_no_text_at_all_is_null() -> None:
    (result,) = slice_metrics([Column("x", np.empty(0))], [], "right video")
    assert result.value is None and "none of the 0 texts" in result.why

"""Metrics in words, and the few that stand for the whole."""

import pytest
from figures import metric
from hypothesis import given
from hypothesis import strategies as st

from trawl.draw.measures import families, headlines, number, slices, tables
from trawl.records.truth import Metric


def test_the_objective_leads_and_every_family_is_heard() -> None:
    metrics = [
        metric("odd", family="robustness"),
        metric("frame_recall_at_1", family="retrieval"),
        metric("hota_masks", family="tracking"),
        metric("j_and_f"),
        metric("boundary_iou"),
    ]
    chosen = [item.name for item in headlines(metrics, "boundary_iou")]
    assert chosen == ["boundary_iou", "j_and_f", "hota_masks", "frame_recall_at_1", "odd"]


def test_a_headline_has_a_value_and_is_of_everything() -> None:
    metrics = [
        metric("j_and_f", None),
        metric("hota_masks", slice="pair=unseen"),
        metric("idf1_masks", 0.3),
    ]
    assert [item.name for item in headlines(metrics)] == ["idf1_masks"]
    assert headlines([]) == []


def test_order_of_families_and_slices() -> None:
    metrics = [
        metric("a", family="cost"),
        metric("b", slice="x"),
        metric("b"),
        metric("c", family="new"),
    ]
    assert list(families(metrics)) == ["masks", "cost", "new"]
    assert slices(metrics) == ["all", "x"]


PARTS = [("size=small", 0.4, 9), ("all", 0.5, 9), ("kind=pair", 0.5, 9), ("seen=no", 0.5, 8)]


def test_metrics_of_like_slices_share_a_table_without_what_is_the_whole() -> None:
    metrics = [
        metric(name, value, slice=part, count=n) for name in "ab" for part, value, n in PARTS
    ]
    metrics += [
        metric("c"),
        metric("d", slice="kind=pair"),
        metric("e", slice="size=small"),
        metric("e"),
    ]
    assert tables(metrics) == [
        (["a", "b"], ["all", "size=small", "seen=no"]),
        (["c"], ["all"]),
        (["d"], ["kind=pair"]),
        (["e"], ["all"]),
    ]


NAMES, SLICES = st.sampled_from("abc"), st.sampled_from(["all", "x", "y"])


@given(st.lists(st.tuples(NAMES, SLICES, st.integers(0, 1)), unique_by=lambda item: item[:2]))
def test_no_metric_is_lost_and_each_row_is_full(drawn: list[tuple[str, str, int]]) -> None:
    metrics = [metric(name, float(value), slice=part) for name, part, value in drawn]
    present = {(item.name, item.slice): item for item in metrics}
    created = tables(metrics)
    assert sorted(name for names, _ in created for name in names) == sorted(
        {item.name for item in metrics}
    )
    shown = {(name, part) for names, parts in created for name in names for part in parts}
    assert shown <= set(present)
    assert all(
        present[name, "all"].value == present[name, part].value
        for name, part in set(present) - shown
    )


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.0, "", "0.000"),
        (1.0, "", "1.000"),
        (-0.25, "", "-0.250"),
        (3.14159, "", "3.14"),
        (1e9, "bytes", "1,000,000,000"),
    ],
)
def test_numbers(value: float, unit: str, shown: str) -> None:
    assert number(value, unit) == shown


def test_a_metric_needs_a_value_or_a_reason() -> None:
    with pytest.raises(ValueError, match="says why"):
        Metric("masks", "j", None)

"""Runs side by side, as facts."""

import json
from dataclasses import replace

import pytest
from figures import entrant, metric
from hypothesis import given
from hypothesis import strategies as st

from trawl.compare.comparison import (
    Absentee,
    Comparison,
    Entrant,
    Point,
    Row,
    compare,
    dominates,
    front,
    to_json,
)
from trawl.errors import ConfigError

QUALITY, COST = "j_and_f", "cpu_s_per_video_hour"


def of(*entrants: Entrant, **more) -> Comparison:
    return compare(entrants, more.pop("quality", QUALITY), more.pop("cost", COST), **more)


def row(found: Comparison, name: str, part: str = "all") -> Row:
    return next(row for row in found.rows if (row.name, row.slice) == (name, part))


def with_metrics(run_id: str, *metrics) -> Entrant:
    return Entrant(run_id, metrics, {}, {})


@pytest.mark.parametrize(
    ("better", "values", "best"),
    [
        ("higher", (0.1, 0.3, 0.2), {1}),
        ("lower", (0.1, 0.3, 0.2), {0}),
        ("higher", (0.3, 0.3, 0.2), {0, 1}),
        ("higher", (None, 0.3, 0.2), {1}),
        ("lower", (None, 0.0, 0.2), {1}),
        ("higher", (0.3, 0.3, 0.3), set()),
        ("higher", (0.3, None, None), set()),
        ("higher", (None, None, None), set()),
        ("", (0.1, 0.3, 0.2), set()),
    ],
)
def test_the_best(better: str, values: tuple[float | None, ...], best: set[int]) -> None:
    runs = [
        with_metrics(str(k), metric("x", value, better=better)) for k, value in enumerate(values)
    ]
    assert row(of(*runs), "x").best == best


def test_a_metric_that_a_run_lacks_is_said_to_be_missing() -> None:
    found = of(
        with_metrics("a", metric("x")),
        with_metrics("b"),
        with_metrics("c", metric("x", None, why="no truth")),
    )
    assert row(found, "x").values == (0.5, None, None)
    assert row(found, "x").whys == ("", "not measured", "no truth")


def test_the_front_turns_what_is_better_when_lower() -> None:
    found = of(
        entrant("a", 0.5, 100),
        entrant("b", 0.7, 300),
        entrant("c", 0.6, 400),
        entrant("d", 0.5, 90),
    )
    assert found.trade.front == (1, 3)
    faster = of(entrant("a", 0.5, 100), entrant("b", 0.7, 300), quality=COST, cost=QUALITY)
    assert faster.trade.front == (0, 1)


def test_a_run_without_both_figures_is_not_placed() -> None:
    found = of(entrant("a", 0.9, None), entrant("b", 0.7, 300), entrant("c", None, 10))
    assert found.trade.front == (1,) and found.trade.note.endswith("not placed: 1, 3")


def test_a_trade_without_its_metric_says_what_there_is() -> None:
    found = of(entrant("a", 0.5, 1), entrant("b", 0.6, 2), quality="j_and_g")
    assert found.trade.front == () and "did you mean 'j_and_f'?" in found.trade.note
    assert of(with_metrics("a"), with_metrics("b")).trade.note.endswith("they have none")


def test_a_family_tells_equal_names_apart() -> None:
    runs = [
        with_metrics(r, metric("iou", v, "masks"), metric("iou", 1 - v, "tracking"))
        for r, v in (("a", 0.2), ("b", 0.4))
    ]
    found = of(*runs, quality="tracking.iou", cost="masks.iou")
    assert found.trade.quality == row(replace(found, rows=found.rows[1:]), "iou")
    assert found.trade.quality.family == "tracking"  # type: ignore[union-attr]


def test_chosen_metrics_alone_with_their_slices() -> None:
    runs = [
        with_metrics(r, metric("j"), metric("j", slice="x"), metric("f"), metric("iou"))
        for r in "ab"
    ]
    assert [(one.name, one.slice) for one in of(*runs, names=["j", "masks.iou"]).rows] == [
        ("j", "all"),
        ("j", "x"),
        ("iou", "all"),
    ]
    with pytest.raises(ConfigError, match="jj is no metric of these runs: did you mean 'j'"):
        of(*runs, names=["jj"])


def test_other_conditions_are_a_warning_that_names_the_runs() -> None:
    runs = [
        replace(entrant(r, 0.5, 1), conditions={"publication": p})
        for r, p in (("a", "1"), ("b", "2"), ("c", "1"))
    ]
    (warning,) = of(*runs).warnings
    assert "publication is not the same: 1 (run 1, 3); 2 (run 2)" in warning
    assert of(runs[0], runs[2]).warnings == ()


@pytest.mark.parametrize(
    ("settings", "label"),
    [
        ([{"t.chunk_s": 4}, {"t.chunk_s": 8}], "2: chunk_s 8"),
        ([{"a.x": 1, "b.y": 2}, {"a.x": 3, "b.y": 4}], "2: x 3, y 4"),
        ([{}, {}], "2: run-1"),
        ([{"text": "a" * 90}, {"text": "b" * 90}], "2: run-1"),
    ],
)
def test_a_run_is_called_by_what_sets_it_apart(settings: list[dict], label: str) -> None:
    assert (
        of(*(entrant(f"run-{k}", 0.5, 1, **own) for k, own in enumerate(settings))).label(1)
        == label
    )


def test_as_json() -> None:
    found = of(
        entrant("a", 0.5, None, cut=1),
        entrant("b", 0.7, 3, cut=2),
        absent=[Absentee("cut=0", "too small")],
    )
    content = json.loads(json.dumps(to_json(found), allow_nan=False))
    assert [run["settings"] for run in content["runs"]] == [{"cut": 1}, {"cut": 2}]
    assert content["front"] == [2] and [run["on_front"] for run in content["runs"]] == [False, True]
    cost = next(one for one in content["metrics"] if one["name"] == COST)
    assert cost["values"] == [None, 3] and cost["whys"] == ["no clip was tracked", ""]
    assert content["absent"] == [{"what": "cut=0", "why": "too small"}]


NUMBERS = st.integers(0, 6).map(float)  # few values, so that ties are common
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=25)


@given(POINTS)
def test_nothing_on_it_is_beaten_and_all_else_is(points: list[Point]) -> None:
    on = front(points)
    assert len(set(on)) == len(on)
    assert not any(dominates(other, points[k]) for k in on for other in points)
    assert all(
        any(dominates(points[k], points[left]) for k in on)
        for left in set(range(len(points))) - set(on)
    )


@given(POINTS)
def test_it_goes_from_one_end_to_the_other(points: list[Point]) -> None:
    on = [points[k] for k in front(points)]
    assert on == sorted(on, key=lambda point: (-point[0], point[1]))
    assert [y for _, y in on] == sorted(y for _, y in on)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], []),
        ([(1.0, 1.0)], [0]),
        ([(1.0, 1.0), (1.0, 1.0)], [0, 1]),
        ([(1.0, 1.0), (1.0, 2.0), (0.0, 2.0)], [1]),
        ([(0.0, 3.0), (3.0, 0.0), (1.0, 1.0)], [1, 2, 0]),
    ],
    ids=["none", "one", "equals", "ties in one", "three apart"],
)
def test_small_ones(points: list[Point], expected: list[int]) -> None:
    assert front(points) == expected

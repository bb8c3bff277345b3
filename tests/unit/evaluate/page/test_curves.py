"""Curves as drawings: which lines, on which axes, told how."""

import re

import numpy as np
from figures import curve

from trawl.evaluate.page.curves import plot_curves, plot_lines


def labels(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_one_drawing_a_kind_in_a_fixed_order() -> None:
    created = plot_curves(
        [
            curve("x", "j_over_time"),
            curve("a"),
            curve("b"),
            curve("c", "recall_at_k"),
            curve("d", "own_kind"),
        ]
    )
    assert [plot.title for plot in created] == [
        "Precision over recall",
        "Recall at k",
        "J over time",
        "Own kind",
    ]
    assert [[key.name for key in plot.keys] for plot in created] == [
        ["a", "b"],
        ["c"],
        ["x"],
        ["d"],
    ]


def test_a_line_is_told_by_its_ends_and_its_top() -> None:
    (plot,) = plot_curves([curve("a", y=(0.2, 0.9, np.nan, 0.4))])
    assert "a: precision 0.2 at recall 0, at most 0.9 at 0.333, with gaps, 0.4 at 1" in plot.svg


def test_a_curve_without_points_is_named_and_not_drawn() -> None:
    (plot,) = plot_curves([curve("a"), curve("b", y=(np.nan, np.nan)), curve("c", y=())])
    assert [key.name for key in plot.keys] == ["a"] and plot.note == "Without a point: b, c."
    (empty,) = plot_curves([curve("b", y=())])
    assert empty.keys == () and "No curve has a point." in empty.svg


def test_a_gap_breaks_the_line() -> None:
    full = plot_lines("t", [curve(y=np.full(40, 0.5))], "t")
    broken = plot_lines("t", [curve(y=[*[0.5] * 20, np.nan, *[0.5] * 19])], "t")
    strokes = [re.search(r'd="([^"]*)"[^>]*--shade-0', item.svg) for item in (full, broken)]
    assert [item[1].count("M ") for item in strokes if item] == [1, 2]


def test_shares_have_the_axis_of_shares_and_others_do_not() -> None:
    assert "1.0" in labels(plot_lines("t", [curve(y=(0.1, 0.2))], "t").svg)
    assert (
        "1.0"
        not in labels(plot_lines("t", [curve("n", "j_over_time", y=(3.0, 12.0))], "t").svg)[6:]
    )


def test_ranks_are_told_apart_where_they_matter() -> None:
    svg = plot_lines("t", [curve("a", "recall_at_k", y=np.linspace(0.1, 1, 50))], "t").svg
    assert [label for label in labels(svg) if label in ("1", "2", "5", "10", "20", "50")] == [
        "1",
        "2",
        "5",
        "10",
        "20",
        "50",
    ]


def test_more_lines_than_can_be_told_apart_are_counted() -> None:
    (plot,) = plot_curves([curve(str(k)) for k in range(15)])
    assert len(plot.keys) == 12 and plot.note == "3 more are not drawn."


def test_names_are_not_in_the_drawing() -> None:
    (plot,) = plot_curves([curve("<b>a</b>")])
    assert "<b>" not in plot.svg and plot.keys[0].name == "<b>a</b>"

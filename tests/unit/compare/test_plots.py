"""Drawings of several runs."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
from figures import curve, entrant

from trawl.compare.comparison import Comparison, Entrant, compare
from trawl.compare.plots import curve_plots, trade_plot


def of(*entrants: Entrant) -> Comparison:
    return compare(entrants, "j_and_f", "cpu_s_per_video_hour")


def dots(svg: str, shade: int) -> int:
    return len(re.findall(rf"<use [^>]*fill: var\(--shade-{shade}\)", svg))


def test_a_dot_for_each_run_and_the_front_in_its_own_shade() -> None:
    plot = trade_plot(of(entrant("a", 0.5, 100), entrant("b", 0.7, 300), entrant("c", 0.6, 400)))
    assert plot is not None and plot.title == "J&F against CPU s per video hour"
    assert (dots(plot.svg, 0), dots(plot.svg, 5)) == (2, 1)
    assert {"1", "2", "3"} <= set(re.findall(r"<text[^>]*>(\d+)</text>", plot.svg))
    words = unescape(plot.svg)
    assert (
        "On the front, best first: run 2: b with J&F 0.700, CPU s per video hour 300; run 1: a"
        in words
    )
    assert "J&F ↑" in words and "CPU s per video hour ↓" in words


def test_one_run_or_none_is_no_trade() -> None:
    assert trade_plot(of(entrant("a", 0.5, 100), entrant("b", 0.7, None))) is None
    assert (
        trade_plot(
            compare([entrant("a", 0.5, 1), entrant("b", 0.7, 2)], "no", "cpu_s_per_video_hour")
        )
        is None
    )


def test_costs_far_apart_have_a_logarithmic_axis() -> None:
    near, far = (
        trade_plot(of(entrant("a", 0.5, 100), entrant("b", 0.7, top))) for top in (300, 90_000)
    )
    ticks = [re.findall(r"<text[^>]*>([^<]*)</text>", plot.svg) for plot in (near, far) if plot]
    assert "150" in ticks[0] and "150" not in ticks[1]


def test_a_curve_is_drawn_where_two_runs_have_it() -> None:
    a, b = entrant("a", 0.5, 1, chunk=4), entrant("b", 0.6, 2, chunk=8)
    a = replace(a, curves=(curve("frame"), curve("segment"), curve("alone", "own")))
    b = replace(b, curves=(curve("frame", y=np.ones(5)), curve("segment")))
    made = curve_plots(of(a, b))
    assert [plot.title for plot in made] == [
        "Precision over recall: frame",
        "Precision over recall: segment",
    ]
    assert [[key.name for key in plot.keys] for plot in made] == [["1: chunk 4", "2: chunk 8"]] * 2

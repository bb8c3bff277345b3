"""A comparison in the terminal."""

import io
from dataclasses import replace

from figures import entrant, metric
from rich.console import Console

from trawl.compare.comparison import Absentee, Comparison, Entrant, compare
from trawl.compare.terminal import comparison_tables


def of(*entrants: Entrant, **more) -> Comparison:
    return compare(entrants, "j_and_f", "cpu_s_per_video_hour", **more)


def printed(found: Comparison, all_metrics: bool = False, colors: bool = False) -> str:
    sink = io.StringIO()
    console = Console(
        file=sink, width=120, force_terminal=colors, color_system="standard" if colors else None
    )
    for table in comparison_tables(found, all_metrics):
        console.print(table)
    return sink.getvalue()


def two() -> tuple[Entrant, Entrant]:
    return entrant("run-a", 0.5, 100, **{"tracking.chunk_s": 4}), entrant(
        "run-b", 0.7, None, **{"tracking.chunk_s": 8}
    )


def line(text: str, word: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if word in line)


def test_runs_and_figures() -> None:
    text = printed(of(*two()))
    assert line(text, "run-a") == ["1", "4", "0.500", "100", "yes", "run-a"]
    assert line(text, "run-b") == ["2", "8", "0.700", "—", "run-b"]
    figures = text[text.index("figures") :]
    assert line(figures, "J&F")[-2:] == ["0.500", "0.700"]
    assert "— CPU s per video hour: no clip was tracked" in text and "not placed: 2" in text


def test_the_best_stands_out() -> None:
    text = printed(of(*two()), colors=True)
    assert "\x1b[1;32m0.700" in text and "\x1b[1;32m0.500" not in text


def test_telling_figures_unless_others_are_chosen() -> None:
    runs = [
        replace(
            one, metrics=(*one.metrics, metric("boundary_iou"), metric("boundary_iou", slice="x"))
        )
        for one in two()
    ]
    assert "boundary" not in printed(of(*runs))
    chosen = printed(of(*runs, names=["boundary_iou"]), all_metrics=True)
    assert line(chosen, "boundary IoU ↑ x")[-2:] == ["0.500", "0.500"]
    assert not [
        text for text in chosen[chosen.index("figures") :].splitlines() if text.startswith("J&F")
    ]


def test_warnings_absentees_and_equal_settings() -> None:
    a, b = two()
    runs = a, replace(b, settings=a.settings, conditions={"publication": "2"})
    text = printed(of(*runs, absent=[Absentee("chunk_s=0", "failed: too small")]))
    assert (
        text.startswith("! these figures may not compare") and "their settings are the same" in text
    )
    assert "chunk_s=0: failed: too small" in text


def test_names_are_not_markup() -> None:
    runs = [entrant("[red]x[/nope]", q, 1, **{"a.[b]": f"[link=x]{q}[/b]"}) for q in (0.1, 0.2)]
    text = printed(of(*runs, absent=[Absentee("[x]", "[/y]")]))
    assert "[red]x[/nope]" in text and "[link=x]0.1[/b]" in text and "[x]: [/y]" in text

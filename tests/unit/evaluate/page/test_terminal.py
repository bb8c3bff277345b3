"""Headline figures in the terminal."""

import io

from figures import metric
from rich.console import Console

from trawl.evaluate.page.terminal import figures_table
from trawl.records.truth import Metric


def printed(metrics: list[Metric], objective: str = "", title: str = "run-a") -> list[str]:
    sink = io.StringIO()
    Console(file=sink, width=100).print(figures_table(title, metrics, objective))
    return [line.rstrip() for line in sink.getvalue().splitlines() if line.strip()]


def test_headlines_with_their_slices() -> None:
    metrics = [
        metric("hota_masks", 0.5),
        metric("j_and_f", 0.7),
        metric("j_and_f", 0.6, slice="pair=unseen"),
    ]
    metrics += [metric("cpu_s_per_video_hour", 5634.2, "cost", unit="s", better="lower")]
    title, head, *rows = printed(metrics, "j_and_f")
    assert title == "run-a" and head.split() == ["metric", "all", "pair=unseen"]
    assert [row.split() for row in rows[:2]] == [
        ["J&F", "↑", "0.700", "0.600"],
        ["HOTA", "masks", "↑", "0.500"],
    ]
    assert rows[2].split() == ["CPU", "s", "per", "video", "hour", "↓", "5,634"]


def test_what_is_missing_is_said_with_its_reason() -> None:
    metrics = [
        metric("j"),
        metric("mota", None, why="no identities"),
        metric("idf1", None, why="no identities"),
    ]
    assert [line for line in printed(metrics) if line.startswith("—")] == [
        "— MOTA, IDF1: no identities"
    ]


def test_a_slice_without_a_value_is_a_dash() -> None:
    assert printed([metric("j_and_f"), metric("j_and_f", None, slice="x")])[2].split()[-2:] == [
        "0.500",
        "—",
    ]


def test_names_are_not_markup() -> None:
    metrics = [
        metric("j", slice="[red]x[/red]"),
        metric("j"),
        metric("f", None, why="[bold]no[/nope]"),
    ]
    text = "\n".join(printed(metrics, title="[bold]run[/nope]"))
    assert "[red]x[/red]" in text and "[bold]no[/nope]" in text and "[bold]run[/nope]" in text


def test_nothing_measured() -> None:
    assert printed([])[0] == "run-a"

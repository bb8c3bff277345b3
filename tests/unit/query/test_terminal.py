"""The table in the terminal."""

import io

import pytest
from rich.console import Console

from trawl.query.terminal import answer_table, height_of
from trawl.records.search import Segment


def shown(segments: list[Segment], query: str = "a red star") -> str:
    sink = io.StringIO()
    Console(file=sink, width=100).print(answer_table(query, segments, 0.1))
    return sink.getvalue()


def test_rank_score_times_and_video() -> None:
    text = shown(
        [
            Segment("cam/a.mp4", 61.0, 75.25, 0.5, 1, 62.0, 3),
            Segment("b.mp4", 0.0, 1.0, 0.3, 0, 0.0, 1),
        ]
    )
    first, second = [line for line in text.splitlines() if ".mp4" in line]
    assert (
        first.split()[0] == "1"
        and "0.500" in first
        and "01:01.0 – 01:15.2" in first
        and "cam/a.mp4" in first
    )
    assert first.count("━") == second.count("━") == 10


def test_names_are_not_markup() -> None:
    text = shown(
        [Segment("[red]x[/red][link=http://a].mp4", 0.0, 1.0, 0.5, 0, 0.0, 1)],
        query="[bold]q[/nope]",
    )
    assert "[red]x[/red][link=http://a].mp4" in text and "[bold]q[/nope]" in text


def test_an_empty_answer_says_so() -> None:
    assert "nothing found" in shown([])


def test_after_a_second_look_the_bars_are_of_that() -> None:
    looked = Segment("a.mp4", 0.0, 1.0, 0.3, 0, 0.0, 1, rerank_score=0.28)
    less = Segment("b.mp4", 0.0, 1.0, 0.5, 0, 0.0, 1, rerank_score=0.14)
    text = shown([looked, less, Segment("gone.mp4", 0.0, 1.0, 0.6, 0, 0.0, 1)])
    first, second, last = [line.split() for line in text.splitlines() if ".mp4" in line]
    assert (
        "rerank" in text
        and first[:3] == ["1", "0.280", "0.300"]
        and second[1:3] == ["0.140", "0.500"]
    )
    assert last[1:3] == ["–", "0.600"]
    assert "rerank" not in shown([Segment("b.mp4", 0.0, 1.0, 0.3, 0, 0.0, 1)])


@pytest.mark.parametrize(
    ("second", "again", "height"), [(None, False, 0.4), (0.2, True, 0.2), (None, True, 0.0)]
)
def test_bars_rise_from_the_background_or_from_nothing(
    second: float | None, again: bool, height: float
) -> None:
    assert height_of(
        Segment("a.mp4", 0.0, 1.0, 0.5, 0, 0.0, 1, second), 0.1, again
    ) == pytest.approx(height)

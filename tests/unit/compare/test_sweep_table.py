"""A sweep in the terminal: what sets its points apart, in as few words as that takes."""

from rich.console import Console

from trawl.compare.sweep_table import points_table


def point(*overrides: str, **saved: float) -> dict:
    return {
        "overrides": overrides,
        "outcome": "done",
        "objective": 0.5,
        "seconds": 20.0,
        "cpu_s": 1.5,
        "saved": saved,
    }


def shown(*points: dict) -> str:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(points_table(points))
    return console.export_text()


def test_settings_are_named_by_their_last_part() -> None:
    text = shown(
        point("grounder.min_score=0.1", "tracking.chunk_s=4"),
        point("grounder.min_score=0.2", "tracking.chunk_s=4"),
    )
    assert "min_score=0.1 chunk_s=4 " in text
    assert "grounder" not in text


def test_unless_two_share_it() -> None:
    text = shown(point("grounder.min_score=0.1", "search.min_score=0.3"))
    assert "grounder.min_score=0.1 search.min_score=0.3 " in text


def test_sums_and_what_was_saved() -> None:
    text = shown(
        point("a=1", frames_grounded=3, cpu_s=2.0), point("a=2", frames_grounded=4, cpu_s=2.5)
    )
    (together,) = (line.split() for line in text.splitlines() if line.startswith("together"))
    assert together == ["together", "40.0s", "3.0", "4.5", "7"]
    assert "frames: not computed again" in text
    assert "not computed again" not in shown(point("a=1"))

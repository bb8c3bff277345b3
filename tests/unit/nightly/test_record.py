"""What a night tells a scheduler."""

import pytest

from trawl.exits import EXIT_OK, EXIT_SOME_FAILED, EXIT_TOO_MANY_FAILED
from trawl.index.record import RunRecord
from trawl.nightly.record import NightRecord
from trawl.nightly.standing import Night


def night(videos: tuple[int, int], clips: tuple[int, int], limit: float | None, refused: bool = False) -> NightRecord:
    """videos, clips: how many failed, of how many."""
    run = RunRecord({"max_failed_fraction": limit})
    run.outcomes.update(failed=videos[0], indexed=videos[1] - videos[0])
    asked = [Night("n", "n-a", True, 1, {"clips": clips[1], "failed": clips[0]}), Night("n", "n-b", False, 1, {})]
    return NightRecord("cats", index=run, standing={"a": asked}, refused={"b": "no such column"} if refused else {})


@pytest.mark.parametrize(
    ("videos", "clips", "limit", "code"),
    [
        ((0, 10), (0, 10), None, EXIT_OK),
        ((1, 10), (0, 10), None, EXIT_SOME_FAILED),
        ((0, 10), (1, 10), None, EXIT_SOME_FAILED),
        ((1, 10), (1, 10), 0.2, EXIT_OK),
        ((3, 10), (0, 90), 0.2, EXIT_TOO_MANY_FAILED),
        ((0, 90), (3, 10), 0.2, EXIT_TOO_MANY_FAILED),
        ((0, 0), (0, 0), 0.0, EXIT_OK),
    ],
)
def test_failures_within_the_limit_are_no_reason_to_repeat_the_night(
    videos: tuple[int, int], clips: tuple[int, int], limit: float | None, code: int
) -> None:
    assert night(videos, clips, limit).exit_code == code


@pytest.mark.parametrize("limit", [None, 1.0])
def test_a_query_that_was_refused_is_told_whatever_the_limit(limit: float | None) -> None:
    assert night((0, 1), (0, 1), limit, refused=True).exit_code == EXIT_SOME_FAILED


def test_a_night_that_failed_too_much_and_was_refused_a_query_has_failed_too_much() -> None:
    assert night((5, 5), (0, 1), 0.1, refused=True).exit_code == EXIT_TOO_MANY_FAILED


def test_before_anything_was_done() -> None:
    assert NightRecord("cats").exit_code == EXIT_OK

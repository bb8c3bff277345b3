from typing import Any

import pytest
from nights import asked, failing, night

from trawl.nightly.verdict import judge


@pytest.mark.parametrize(
    ("changes", "looks", "told"),
    [
        ({}, 0, ""),
        ({"index": failing(1), "exit_code": 3}, 1, "1 of 10 videos failed (10.0%)"),
        ({"index": failing(2, 0.1), "exit_code": 5}, 1, "max_failed_fraction=0.1 allows less"),
        ({"index": failing(1, 0.1)}, 0, "which max_failed_fraction=0.1 allows"),
        (
            {"ended_by": "s3://b cannot be reached", "exit_code": 2, "index": None},
            1,
            "s3://b cannot be reached",
        ),
        (
            {"refused": {"red": "no weights"}, "exit_code": 3},
            1,
            "red could not be asked: no weights",
        ),
        ({"left": ["red", "blue"]}, 0, "no time to ask red, blue"),
        (
            {"index": {"stopped": "max_hours=8", "left": 7}},
            0,
            "with 7 videos left for the next night",
        ),
        ({"index": {"damaged": 1}}, 0, "1 video indexed without pictures that are damaged"),
        ({"exit_code": 3}, 1, "exit code 3"),
    ],
)
def test_who_has_to_look(changes: dict[str, Any], looks: int, told: str) -> None:
    verdict = judge(night(**changes), [])
    assert len(verdict.problems) == looks
    assert verdict.headline == ("Somebody has to look" if looks else "All well")
    assert told in " ".join(verdict.problems + verdict.notes)


def test_failed_clips_are_a_problem_when_the_exit_code_says_so() -> None:
    standing = {"red": [asked(counts={"clips": 5, "failed": 1})]}
    assert judge(night(standing=standing), []).problems == ()
    assert (
        "1 clip of standing queries failed"
        in judge(night(standing=standing, exit_code=3), []).problems[0]
    )


@pytest.mark.parametrize(
    ("queue", "grows"), [((1, 2, 3, 4), True), ((1, 2, 2, 4), False), ((2, 3, 4), False)]
)
def test_a_queue_that_grows_night_after_night_is_a_problem(
    queue: tuple[int, ...], grows: bool
) -> None:
    *earlier, tonight = (night(index={"stopped": "max_hours=8", "left": left}) for left in queue)
    verdict = judge(tonight, earlier)
    assert bool(verdict.problems) is grows
    assert ("has grown for 3 nights" in " ".join(verdict.problems)) is grows


def test_two_things_are_counted() -> None:
    tonight = night(index=failing(1), exit_code=3, refused={"red": "no weights"})
    assert judge(tonight, []).headline == "Somebody has to look at 2 things"

"""What a night tells a scheduler."""

import pytest
from nights import asked, content, failing, night

from trawl.exits import EXIT_OK, EXIT_SOME_FAILED, EXIT_TOO_MANY_FAILED
from trawl.index.record import RunRecord
from trawl.nightly.record import NightRecord, read_night
from trawl.nightly.standing import Night


def night_that_failed(
    videos: tuple[int, int], clips: tuple[int, int], limit: float | None, refused: bool = False
) -> NightRecord:
    """videos, clips: how many failed, of how many."""
    run = RunRecord({"max_failed_fraction": limit})
    run.outcomes.update(failed=videos[0], indexed=videos[1] - videos[0])
    asked = [
        Night("n", "n-a", True, 1, {"clips": clips[1], "failed": clips[0]}),
        Night("n", "n-b", False, 1, {}),
    ]
    return NightRecord(
        "cats", index=run, standing={"a": asked}, refused={"b": "no such column"} if refused else {}
    )


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
    assert night_that_failed(videos, clips, limit).exit_code == code


@pytest.mark.parametrize("limit", [None, 1.0])
def test_a_query_that_was_refused_is_told_whatever_the_limit(limit: float | None) -> None:
    assert night_that_failed((0, 1), (0, 1), limit, refused=True).exit_code == EXIT_SOME_FAILED


def test_a_night_that_failed_too_much_and_was_refused_a_query_has_failed_too_much() -> None:
    assert night_that_failed((5, 5), (0, 1), 0.1, refused=True).exit_code == EXIT_TOO_MANY_FAILED


def test_before_anything_was_done() -> None:
    assert NightRecord("cats").exit_code == EXIT_OK


def test_a_night_that_indexed_all() -> None:
    facts = night()
    assert (facts.indexed, facts.failed, facts.lag, facts.unusable) == (2, 0, 0, 0)
    assert (facts.hours, facts.frames_per_s, facts.cpu_s, facts.gpu_s) == (0.5, 10.0, 720.0, 100.0)


def test_the_lag_holds_what_is_left_and_what_cannot_be_used() -> None:
    plan = {
        "new": 10,
        "changed": 2,
        "retry": 1,
        "failed": 3,
        "quarantined": 4,
        "unchanged": 100,
        "removed": 9,
    }
    facts = night(index={"plan": plan, "outcomes": {"indexed": 6, "failed": 2}, "left": 5})
    assert (facts.lag, facts.unusable, facts.waiting) == (14, 9, 5)


@pytest.mark.parametrize("index", [None, {}])
def test_a_night_that_ended_before_it_indexed_or_is_of_an_older_version(index: dict | None) -> None:
    bare = content()
    bare["index"] = index
    del bare["ended_by"]
    facts = read_night(bare)
    assert (facts.lag, facts.frames_per_s, facts.ended_by, facts.published) == (0, None, "", None)


def test_standing_queries() -> None:
    failed = {"clips": 5, "failed": 2, "tracks": 1, "masks": 9}
    facts = night(
        index=failing(0), standing={"red": [asked(), asked(counts=failed, ended=False)], "blue": []}
    )
    assert facts.clips_failed == 2
    assert [one.ended for one in facts.standing["red"]] == [True, False]
    # stopped before its end
    assert night(standing={"red": [asked(counts={})]}).standing["red"][0].tracks == 0

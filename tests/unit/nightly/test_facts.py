import pytest
from nights import asked, content, failing, night

from trawl.nightly.facts import read_night


def test_a_night_that_indexed_all() -> None:
    facts = night()
    assert (facts.indexed, facts.failed, facts.lag, facts.unusable) == (2, 0, 0, 0)
    assert (facts.hours, facts.frames_per_s, facts.cpu_s, facts.gpu_s) == (0.5, 10.0, 720.0, 100.0)


def test_the_lag_holds_what_is_left_and_what_cannot_be_used() -> None:
    plan = {"new": 10, "changed": 2, "retry": 1, "failed": 3, "quarantined": 4, "unchanged": 100, "removed": 9}
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
    facts = night(index=failing(0), standing={"red": [asked(), asked(counts=failed, ended=False)], "blue": []})
    assert facts.clips_failed == 2
    assert [one.ended for one in facts.standing["red"]] == [True, False]
    assert night(standing={"red": [asked(counts={})]}).standing["red"][0].tracks == 0  # stopped before its end

"""Which settings set runs apart."""

import pytest

from trawl.compare.settings import differing, flatten, short, shown


def test_only_what_differs_in_its_order() -> None:
    runs = [
        flatten({"text": None, "search": {"cut": cut, "frames": 4}, "tracking": {"chunk_s": s}})
        for cut, s in ((1, 2), (1, 3))
    ]
    assert differing(runs) == ["tracking.chunk_s"]
    assert differing(runs[:1]) == differing([]) == []


def test_a_setting_that_one_run_lacks_differs() -> None:
    runs = [flatten({"a": 1}), flatten({"a": 1, "new": None})]
    assert differing(runs) == ["new"] and [shown(run, "new") for run in runs] == ["—", "null"]


def test_the_third_run_counts_too() -> None:
    assert differing([{"a": 1}, {"a": 1}, {"a": 2}, {"a": 1}]) == ["a"]


@pytest.mark.parametrize(
    "name", ["run", "run_id", "storage.root", "dataset.examples", "evaluation.worst"]
)
def test_what_only_names_a_run_is_none(name: str) -> None:
    assert differing([{name: "a"}, {name: "b"}]) == []


def test_values_as_they_are_typed() -> None:
    settings = flatten({"a": "red", "b": True, "c": [1, 2], "d": {}, "e": 0.1})
    assert [shown(settings, name) for name in "abcde"] == ["red", "true", "[1, 2]", "{}", "0.1"]


def test_short_names_stay_apart() -> None:
    names = ["grounder.min_score", "evaluation.min_score", "min_score", "tracking.motion.noise"]
    assert short(names) == ["grounder.min_score", "evaluation.min_score", "min_score", "noise"]
    assert len(set(short(names))) == len(names)

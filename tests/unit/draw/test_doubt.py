"""Which tracks are doubted, and in what order."""

import pytest
from looks import track

from trawl.draw.doubt import MEANING, in_words, is_doubtful, reasons, worst_first
from trawl.records.tracking import Flag


def test_every_flag_has_a_meaning() -> None:
    assert set(MEANING) == set(Flag)


@pytest.mark.parametrize("flag", list(Flag))
def test_no_flag_makes_a_track_doubtful(flag: Flag) -> None:
    assert not is_doubtful(track(flags=(flag.value,)))
    assert "_" not in in_words(flag)


def test_what_makes_a_track_doubtful() -> None:
    assert not reasons(track(mean_score=0.7, grounding_score=0.5, grounding_mean=0.2))
    assert reasons(track(mean_score=0.69)) == [
        ("weak masks", "their mean score is 0.69, less than 0.7")
    ]
    assert reasons(track(grounding_score=0.5, grounding_mean=0.1)) == [
        ("seldom seen as its text", "20% of its best detection on average, less than 40%")
    ]
    assert not is_doubtful(track(grounding_mean=None)), "a run of an earlier Trawl does not say"


def test_worst_first() -> None:
    fine, flagged = track(0), track(1, flags=("border", "lost"))
    entry = track(2, mean_score=0.6)
    gappy = track(3, mean_score=0.6, num_inferred=60)
    unsure = track(4, mean_score=0.2)
    two = track(5, mean_score=0.6, grounding_mean=0.1)
    assert [item.number for item in worst_first([fine, flagged, entry, gappy, unsure, two])] == [
        5,
        3,
        4,
        2,
    ]

"""Which tracks are doubted, and in what order."""

import pytest
from looks import track

from trawl.records import Flag
from trawl.report.doubt import MEANING, in_words, is_doubtful, worst_first


def test_every_flag_has_a_meaning() -> None:
    assert set(MEANING) == set(Flag)


@pytest.mark.parametrize("flag", list(Flag))
def test_the_border_and_a_neighbour_make_nothing_doubtful(flag: Flag) -> None:
    assert is_doubtful(track(flags=(flag.value,))) == (flag not in (Flag.BORDER, Flag.OVERLAP))
    assert "_" not in in_words(flag)


def test_worst_first() -> None:
    fine, border = track(0), track(1, flags=("border",))
    one = track(2, flags=("speed", "border"))
    gappy = track(3, flags=("speed",), num_inferred=60)
    unsure = track(4, flags=("low_score",), mean_score=0.2)
    two = track(5, flags=("speed", "lost"), num_inferred=0)
    assert [item.number for item in worst_first([fine, border, one, gappy, unsure, two])] == [5, 3, 4, 2]

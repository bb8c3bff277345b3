import re

import pytest
from nights import failing, night

from trawl.nightly.strip import NIGHTS, strip


def bars(svg: str) -> list[str]:
    """The shade of each bar, in order."""
    return re.findall(r'clip-path="[^"]*" style="fill: var\(--shade-(\d)\)', svg)


def test_a_bar_for_each_night_and_the_troubled_ones_stand_out() -> None:
    nights = [night(3), night(2, index=failing(2), exit_code=3), night(1), night(0)]
    charts = dict(strip(nights))
    assert list(charts) == ["videos indexed", "videos failed", "hours"]
    assert bars(charts["videos indexed"]) == ["0", "1", "0", "0"]
    assert "19 Nov: 2" in charts["videos failed"]
    assert "21 Nov: 0.50" in charts["hours"]


@pytest.mark.parametrize(("count", "dates"), [(2, ["21 Nov"]), (3, ["21 Nov"]), (4, ["18 Nov", "21 Nov"])])
def test_dates_below_the_bars_do_not_touch(count: int, dates: list[str]) -> None:
    charts = dict(strip([night(days) for days in reversed(range(count))]))
    assert re.findall(r">(\d\d Nov)<", charts["hours"]) == dates


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, 0), (2, 2), (NIGHTS + 5, NIGHTS)])
def test_how_many(count: int, shown: int) -> None:
    charts = strip([night(days) for days in reversed(range(count))])
    assert len(charts) == (3 if shown else 0)
    assert all(len(bars(svg)) == shown for _, svg in charts)


def test_equal_nights_are_equal_bytes() -> None:
    assert strip([night(1), night()]) == strip([night(1), night()])

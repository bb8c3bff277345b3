"""Times as people read them."""

import pytest

from trawl.draw.times import clock


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "00:00.0"),
        (0.04, "00:00.0"),
        (59.96, "01:00.0"),
        (3599.96, "1:00:00.0"),
        (36000, "10:00:00.0"),
        (-0.5, "00:00.0"),
    ],
    ids=["zero", "down", "next minute", "next hour", "hours", "before the start"],
)
def test_clock(seconds: float, expected: str) -> None:
    assert clock(seconds) == expected

"""Bars beside segments."""

import pytest

from trawl.query.bars import height_of
from trawl.records.search import Segment


@pytest.mark.parametrize(("second", "again", "height"), [(None, False, 0.4), (0.2, True, 0.2), (None, True, 0.0)])
def test_bars_rise_from_the_background_or_from_nothing(second: float | None, again: bool, height: float) -> None:
    assert height_of(Segment("a.mp4", 0.0, 1.0, 0.5, 0, 0.0, 1, second), 0.1, again) == pytest.approx(height)

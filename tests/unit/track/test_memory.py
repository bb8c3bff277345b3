from drawn_rows import masklet

from trawl.config.steps import TrackingConfig
from trawl.track.memory import forgotten

LOST = {0: masklet([5], start=10), 1: masklet([5], start=30), 2: masklet([5], start=20), 3: masklet([5], start=40)}


def test_by_age():
    assert forgotten(LOST, {3}, 4.0, TrackingConfig(max_age_s=1.5)) == [0, 2]
    assert forgotten(LOST, {3}, 4.0, TrackingConfig(max_age_s=10)) == []
    assert forgotten(LOST, {0}, 9.0, TrackingConfig(max_age_s=1.5)) == [2, 1, 3]


def test_by_number_the_longest_lost_go_first():
    assert forgotten(LOST, {3}, 4.0, TrackingConfig(max_age_s=10, max_lost=1)) == [0, 2]
    assert forgotten(LOST, {3}, 4.0, TrackingConfig(max_age_s=10, max_lost=0)) == [0, 2, 1]

import pytest
from drawn_rows import SIZE, masklet, row, unit

from trawl.config.steps import MotionConfig
from trawl.records.tracking import Flag
from trawl.track.doubts import flagged

RED, BLUE = unit(1, 0), unit(0, 1)
CONFIG = MotionConfig()


def doubted(flag, rows, looks=None, **settings):
    got = flagged(rows, looks or {}, SIZE, MotionConfig(**settings))
    return [r.frame_index for r in got if flag in r.flags]


@pytest.mark.parametrize("flag", [flag for flag in Flag if flag not in (Flag.LOST, Flag.OVERLAP)])
def test_a_plain_track_raises_no_flag(flag):
    rows = masklet([10 + n for n in range(30)]).in_order()
    assert doubted(flag, rows, {0: RED, 10: RED, 20: RED}) == []


def test_area_jump_both_ways():
    rows = [row(0, 10), row(1, 10), row(2, 10, w=14), row(3, 10, w=14), row(4, 10)]
    assert doubted(Flag.AREA_JUMP, rows) == [2, 4]
    assert doubted(Flag.AREA_JUMP, rows, area_jump=3.0) == []
    assert doubted(Flag.AREA_JUMP, [row(0, 10), row(5, 10, w=14)]) == []  # not neighbours


def test_speed_in_sizes_per_second():
    """6 x 6 pixels, 10 frames a second: 12 pixels a frame are 20 sizes a second."""
    rows = masklet([0, 11, 24, 24]).in_order()
    assert doubted(Flag.SPEED, rows) == [2]
    assert doubted(Flag.SPEED, [row(0, 0), row(2, 23)]) == []  # as far, in twice the time


def test_low_score():
    rows = [row(0, 10, score=0.6), row(1, 10, score=0.4)]
    assert doubted(Flag.LOW_SCORE, rows) == [1]


def test_border():
    places = [(0, 10), (30, 10), (54, 10), (30, 0), (30, 34)]
    rows = [row(n, x, y) for n, (x, y) in enumerate(places)]
    assert doubted(Flag.BORDER, rows) == [0, 2, 3, 4]
    assert doubted(Flag.BORDER, [row(0, 1, 10)]) == []
    assert doubted(Flag.BORDER, [row(0, 1, 10)], border=0.02) == [0]


def test_a_look_unlike_the_others():
    rows = masklet([10] * 30).in_order()
    assert doubted(Flag.APPEARANCE, rows, {0: RED, 10: RED, 20: BLUE, 29: RED}) == [20]
    # which of two is odd, nobody can say
    assert doubted(Flag.APPEARANCE, rows, {0: RED, 10: BLUE}) == []


def test_a_jump_to_something_that_looks_different():
    rows = masklet([10] * 15 + [40] * 15).in_order()
    looks = {0: RED, 10: RED, 20: BLUE, 29: BLUE}
    assert doubted(Flag.IDENTITY_SWITCH, rows, looks) == [15]
    # it jumped, and is the same
    assert doubted(Flag.IDENTITY_SWITCH, rows, dict.fromkeys(looks, RED)) == []
    # it changed, and stayed
    assert doubted(Flag.IDENTITY_SWITCH, masklet([10] * 30).in_order(), looks) == []


def test_flags_that_were_there_stay_in_the_lists_order():
    one = masklet([0, 20])
    one.doubt(1, Flag.OVERLAP)
    one.doubt(1, Flag.LOST)
    rows = flagged(one.in_order(), {}, SIZE, CONFIG)
    assert rows[1].flags == (Flag.LOST, Flag.SPEED, Flag.OVERLAP)
    assert rows[0].flags == (Flag.BORDER,)

import numpy as np
import pytest
from drawn_rows import SIZE, masklet
from hypothesis import given, settings
from hypothesis import strategies as st

from trawl.config.steps import MotionConfig, TrackingConfig
from trawl.records.tracking import Flag, Visibility
from trawl.track.masklet import Masklet
from trawl.track.motion import measure


def moved(one, frames=40, size=SIZE, max_age_s=1.0, **settings):
    index = np.arange(frames)
    config = TrackingConfig(max_age_s=max_age_s, motion=MotionConfig(**settings))
    return measure(one, index, index / 10, size, config)


def inferred(got):
    return [row for row in got.rows if row.visibility == Visibility.INFERRED]


def test_a_steady_mover():
    got = moved(masklet([2 + n for n in range(40)]))
    assert got.mean_speed == pytest.approx(10) and got.max_speed == pytest.approx(10)
    assert got.direction_deg == pytest.approx(0)
    assert got.gaps == () and inferred(got) == []
    assert Flag.LOST not in got.flags


@pytest.mark.parametrize(
    "dx, dy, degrees", [(1, 0, 0), (0, 1, 90), (-1, 0, 180), (0, -1, 270), (1, 1, 45)]
)
def test_direction_is_clockwise_from_the_right(dx, dy, degrees):
    one = Masklet({n: masklet([20 + dx * n], start=n, y=15 + dy * n).rows[n] for n in range(10)})
    assert moved(one, 10).direction_deg == pytest.approx(degrees)


def test_trembling_is_no_motion():
    got = moved(masklet([20, 21] * 20))
    assert got.direction_deg is None
    assert got.mean_speed < 2.5  # 10 if it were measured from frame to frame
    assert moved(masklet([20])).direction_deg is None and moved(masklet([20])).mean_speed == 0


def test_a_gap_is_filled_along_the_way():
    got = moved(masklet([2 + n for n in range(10)] + [None] * 6 + [18 + n for n in range(24)]))
    assert got.gaps == ((1.0, 1.6),)
    guesses = inferred(got)
    assert [row.frame_index for row in guesses] == list(range(10, 16))
    for row in guesses:
        assert row.box == pytest.approx((2 + row.frame_index, 10, 8 + row.frame_index, 16), abs=0.5)
        assert (row.rle, row.area, row.score) == (None, 0, 0.0)
    assert [row.frame_index for row in got.rows] == list(range(40))


def test_a_gap_is_filled_from_both_sides():
    """It turned back while it was hidden: a guess from the past alone would be far off when it
    comes out.
    """
    got = moved(
        masklet([2 + 2 * n for n in range(10)] + [None] * 8 + [20 - 2 * n for n in range(10)]), 28
    )
    assert inferred(got)[-1].box[0] == pytest.approx(22, abs=2.5)
    assert max(row.box[0] for row in inferred(got)) < 30


def test_after_the_last_row_it_is_guessed_for_a_while():
    got = moved(masklet([2 + n for n in range(10)]), max_age_s=1.0)
    assert [row.frame_index for row in inferred(got)] == list(range(10, 20))
    assert got.gaps == ()
    assert moved(masklet([5] * 10), max_age_s=0.0).rows[-1].frame_index == 9


def test_what_left_the_picture_is_not_guessed():
    got = moved(masklet([40 + 2 * n for n in range(10)]), max_age_s=5.0)
    assert all(row.box[2] > row.box[0] and row.box[2] <= SIZE[1] for row in got.rows)
    assert got.rows[-1].frame_index <= 12


def test_lost_is_said_on_the_last_row_with_a_mask():
    got = moved(masklet([5] * 10))
    assert [row.frame_index for row in got.rows if Flag.LOST in row.flags] == [9]
    assert Flag.LOST in got.flags
    assert Flag.LOST not in moved(masklet([5] * 10), 10).flags


def test_a_much_smaller_mask_is_occluded():
    one = masklet([10] * 20, w=10, h=10)
    one.rows |= masklet([10] * 5, start=20, w=4, h=10).rows
    one.rows |= masklet([10] * 15, start=25, w=10, h=10).rows
    occluded = [row.frame_index for row in moved(one).rows if row.visibility == Visibility.OCCLUDED]
    assert occluded == [20, 21, 22, 23, 24]


def test_one_that_stays_small_is_visible_again_in_time():
    """It is farther away now."""
    one = masklet([10] * 10, w=10, h=10)
    one.rows |= masklet([10] * 30, start=10, w=4, h=10).rows
    occluded = [
        row.frame_index
        for row in moved(one, recent_s=1.0).rows
        if row.visibility == Visibility.OCCLUDED
    ]
    assert occluded == list(range(10, 20))


def test_a_row_whose_mask_went_to_another_counts_as_a_gap():
    one = masklet([10 + n for n in range(10)])
    from dataclasses import replace

    one.rows[5] = replace(
        one.rows[5], rle=None, area=0, visibility=Visibility.OCCLUDED, flags=(Flag.OVERLAP,)
    )
    got = moved(one, 10)
    assert got.gaps == ((0.5, 0.6),)
    assert [row.frame_index for row in got.rows] == list(range(10))
    assert Flag.OVERLAP in got.flags


def test_one_without_any_mask_left():
    from dataclasses import replace

    one = masklet([10, 11, 12])
    one.rows = {
        n: replace(row, rle=None, area=0, visibility=Visibility.OCCLUDED)
        for n, row in one.rows.items()
    }
    got = moved(one, 3)
    assert len(got.rows) == 3 and got.gaps == ()


@settings(max_examples=40, deadline=None)
@given(
    xs=st.lists(st.one_of(st.none(), st.integers(0, 50)), min_size=1, max_size=40).filter(
        lambda xs: any(x is not None for x in xs)
    ),
    max_age_s=st.floats(0, 6),
)
def test_rows_are_in_order_once_each_and_inside(xs, max_age_s):
    got = moved(masklet(xs), 40, max_age_s=max_age_s)
    indices = [row.frame_index for row in got.rows]
    assert indices == sorted(set(indices)) and indices[-1] < 40
    assert {row.frame_index for row in got.rows if row.rle} == {
        n for n, x in enumerate(xs) if x is not None
    }
    for row in got.rows:
        assert (
            row.box[0] >= 0 and row.box[1] >= 0 and row.box[2] <= SIZE[1] and row.box[3] <= SIZE[0]
        )
        assert (row.rle is None) == (row.visibility == Visibility.INFERRED)
    assert all(start < end for start, end in got.gaps)


@settings(max_examples=25, deadline=None)
@given(
    xs=st.lists(st.one_of(st.none(), st.integers(0, 50)), min_size=2, max_size=30).filter(
        lambda xs: any(x is not None for x in xs)
    ),
    scale=st.sampled_from([2, 4]),
)
def test_the_same_at_another_resolution(xs, scale):
    """Flags, visibility and direction are the same for a picture with more pixels; speeds scale
    with it.
    """
    small = moved(masklet(xs), 30)
    size = (SIZE[0] * scale, SIZE[1] * scale)
    larger = masklet(
        [None if x is None else x * scale for x in xs],
        y=10 * scale,
        w=6 * scale,
        h=6 * scale,
        size=size,
    )
    large = moved(larger, 30, size)
    assert [(r.frame_index, r.visibility, r.flags) for r in small.rows] == [
        (r.frame_index, r.visibility, r.flags) for r in large.rows
    ]
    assert large.mean_speed == pytest.approx(scale * small.mean_speed)
    assert large.direction_deg == pytest.approx(small.direction_deg)

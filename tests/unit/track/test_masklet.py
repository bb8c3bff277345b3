import numpy as np
import pytest
from drawn_rows import SIZE, masklet, rectangle, row, unit

from trawl import masks
from trawl.records.tracking import Flag, Visibility
from trawl.track.masklet import row_of


def test_a_mask_becomes_a_row():
    mask = rectangle(5, 7, 4, 3)
    got = row_of(mask, 12, 1.2, 0.7)
    assert (got.frame_index, got.time_s, got.score) == (12, 1.2, 0.7)
    assert (
        got.box == (5.0, 7.0, 9.0, 10.0) and got.area == 12 and got.visibility == Visibility.VISIBLE
    )
    assert np.array_equal(masks.decode(got.rle, *SIZE), mask)


def test_an_empty_mask_is_no_row():
    assert row_of(np.zeros(SIZE, bool), 0, 0.0, 0.9) is None


def test_absorbing_prefers_one_side_where_both_have_rows():
    for prefer_other in (False, True):
        one = masklet([5, 5, 5], named={0: 0.5, 1: 0.2}, looks={0: unit(1, 0)})
        other = masklet(
            [20, 20, 20], start=2, named={0: 0.4, 2: 0.3}, looks={0: unit(0, 1), 3: unit(0, 1)}
        )
        one.absorb(other, prefer_other)
        assert [int(r.box[0]) for r in one.in_order()] == [5, 5, 20 if prefer_other else 5, 20, 20]
        assert one.named == {0: 0.5, 1: 0.2, 2: 0.3}
        assert one.looks[0].tolist() == ([0, 1] if prefer_other else [1, 0])
        assert (one.first.frame_index, one.last.frame_index) == (0, 4)


def test_dropped_frames_lose_their_looks_too():
    one = masklet([1, 2, 3], looks={1: unit(1, 0), 2: unit(1, 0)})
    one.drop([2, 7])
    assert list(one.rows) == [0, 1] and list(one.looks) == [1]


def test_a_doubt_is_said_once():
    one = masklet([1, 2])
    one.doubt(1, Flag.LOST)
    one.doubt(1, Flag.LOST)
    assert one.rows[1].flags == (Flag.LOST,) and one.rows[0].flags == ()


def test_appearance_is_the_mean_look():
    one = masklet([1], looks={0: unit(1, 0), 1: unit(0, 1)})
    assert one.appearance().tolist() == pytest.approx([2**-0.5, 2**-0.5])
    assert one.appearance().dtype == np.float32
    assert masklet([1]).appearance().shape == (0,)


def test_rows_come_in_order_of_time():
    one = masklet([3, 4])
    one.rows = {5: row(5, 1), **one.rows}
    assert [r.frame_index for r in one.in_order()] == [0, 1, 5]


def test_the_mean_score_counts_the_searched_frames_on_which_it_was_not_detected():
    one = masklet([1, 2, 3], named={0: 0.9})
    for scores in ({0: 0.9, 1: 0.2}, {}, {0: 0.3}):
        one.vote(scores)
    assert one.mean_score(0) == pytest.approx(0.4)
    assert one.mean_score(1) == pytest.approx(0.2 / 3)
    other = masklet([1], start=5, named={0: 0.4})
    other.vote({})
    one.absorb(other)
    assert one.mean_score(0) == pytest.approx(0.3)


def test_what_was_never_searched_is_as_sure_as_what_it_started_from():
    assert masklet([1], named={0: 0.7}).mean_score(0) == 0.7

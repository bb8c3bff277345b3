import numpy as np
import pytest
from drawn_rows import SIZE, masklet, rectangle, row
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trawl import masks
from trawl.config.steps import RefineConfig, TrackingConfig
from trawl.records.tracking import Flag, Visibility
from trawl.track.masklet import Masklet, row_of
from trawl.track.refine import clean, refine

any_mask = arrays(np.bool_, (14, 18), elements=st.booleans())


def decoded(row):
    return masks.decode(row.rle, *SIZE)


def config(overlaps="keep", **settings):
    return TrackingConfig(overlaps=overlaps, refine=RefineConfig(**settings))


@settings(max_examples=60, deadline=None)
@given(any_mask)
def test_off_by_default(mask):
    assert np.array_equal(clean(mask, RefineConfig()), mask)


@settings(max_examples=60, deadline=None)
@given(any_mask, st.floats(0.01, 2))
def test_filling_only_adds_and_dropping_only_removes(mask, share):
    assert (clean(mask, RefineConfig(fill_holes=share)) >= mask).all()
    kept = clean(mask, RefineConfig(drop_parts=min(share, 1.0)))
    assert (kept <= mask).all()
    assert kept.any() == mask.any()


def test_small_holes_are_filled_and_large_ones_and_bays_are_not():
    mask = rectangle(10, 10, 20, 20)
    mask[12:14, 12:14] = False  # a hole of 4 pixels
    mask[18:26, 18:26] = False  # a hole of 64
    mask[15:17, 10] = False  # a bay in the contour
    want = mask.copy()
    want[12:14, 12:14] = True
    assert np.array_equal(clean(mask, RefineConfig(fill_holes=0.1)), want)


def test_small_parts_are_dropped_and_large_ones_are_not():
    mask = rectangle(5, 5, 10, 10) | rectangle(30, 5, 8, 8) | rectangle(30, 30, 3, 3)
    assert np.array_equal(
        clean(mask, RefineConfig(drop_parts=0.2)), rectangle(5, 5, 10, 10) | rectangle(30, 5, 8, 8)
    )


def test_a_smooth_contour_loses_spikes_and_keeps_its_place():
    disc = (np.hypot(*(np.indices(SIZE) - [[[20]], [[30]]])) < 12).astype(bool)
    spiked = disc.copy()
    spiked[20, 42:50] = True
    smooth = clean(spiked, RefineConfig(smooth_contour=0.06))
    assert not smooth[20, 46:].any()
    assert (smooth ^ disc).sum() < 0.05 * disc.sum()


def test_a_mask_at_the_border_stays_there():
    mask = rectangle(0, 0, 12, 12)
    assert np.array_equal(clean(mask, RefineConfig(fill_holes=0.5, drop_parts=0.5)), mask)
    smooth = clean(mask, RefineConfig(smooth_contour=0.05))
    assert smooth[0, 3:9].all() and smooth[3:9, 0].all()


def test_a_flickering_pixel_goes_by_majority_along_the_motion():
    """A square that moves 3 pixels a frame and lacks its middle once."""
    frames = [rectangle(5 + 3 * n, 10, 9, 9) for n in range(5)]
    frames[2][14, 15] = False
    one = Masklet({n: row_of(mask, n, n / 10, 0.9) for n, mask in enumerate(frames)})
    refine([one], SIZE, config(smooth_frames=3))
    for n, row_ in one.rows.items():
        assert np.array_equal(decoded(row_), rectangle(5 + 3 * n, 10, 9, 9))


def test_frames_beside_a_gap_do_not_vote_across_it():
    frames = {
        0: rectangle(5, 10, 8, 8),
        1: rectangle(5, 10, 8, 8),
        7: rectangle(5, 10, 8, 4),
        8: rectangle(5, 10, 8, 4),
    }
    one = Masklet({n: row_of(mask, n, n / 10, 0.9) for n, mask in frames.items()})
    refine([one], SIZE, config(smooth_frames=5))
    assert {n: row_.area for n, row_ in one.rows.items()} == {0: 64, 1: 64, 7: 32, 8: 32}


def test_score_time_and_flags_stay():
    one = Masklet({3: row_of(rectangle(5, 5, 10, 10) | rectangle(30, 30, 2, 2), 3, 0.3, 0.7)})
    one.doubt(3, Flag.IDENTITY_SWITCH)
    refine([one], SIZE, config(drop_parts=0.5))
    got = one.rows[3]
    assert (got.time_s, got.score, got.flags, got.area) == (0.3, 0.7, (Flag.IDENTITY_SWITCH,), 100)
    assert got.box == (5, 5, 15, 15)


class TestOverlaps:
    def test_kept_by_default(self):
        a, b = masklet([5, 5], w=10), masklet([10, 10], w=10)
        before = dict(a.rows), dict(b.rows)
        refine([a, b], SIZE, config())
        assert (a.rows, b.rows) == before

    @pytest.mark.parametrize("better", [0, 1])
    def test_by_score_the_better_keeps_all(self, better):
        a, b = masklet([5], w=10, score=0.9 - 0.2 * better), masklet([10], w=10, score=0.8)
        whole = [decoded(one.rows[0]) for one in (a, b)]
        refine([a, b], SIZE, config("score"))
        winner, loser = ((a, b), (b, a))[better]
        assert np.array_equal(decoded(winner.rows[0]), whole[better]) and winner.rows[0].flags == ()
        assert np.array_equal(decoded(loser.rows[0]), whole[1 - better] & ~whole[better])
        assert loser.rows[0].flags == (Flag.OVERLAP,)

    def test_one_left_with_nothing_keeps_its_row(self):
        a, b = masklet([5], w=10, h=10), Masklet({0: row(0, 7, 12, 3, 3, score=0.5)})
        box = b.rows[0].box
        refine([a, b], SIZE, config("score"))
        got = b.rows[0]
        assert (got.rle, got.area, got.box, got.visibility) == (None, 0, box, Visibility.OCCLUDED)
        assert got.flags == (Flag.OVERLAP,)

    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(0, 40), st.integers(0, 25), st.integers(1, 15), st.floats(0, 1)),
            max_size=5,
        )
    )
    def test_no_pixel_is_in_two_and_none_is_lost(self, placed):
        masklets = [Masklet({0: row(0, x, y, side, side, score)}) for x, y, side, score in placed]
        before = sum((decoded(one.rows[0]).astype(int) for one in masklets), np.zeros(SIZE, int))
        refine(masklets, SIZE, config("score"))
        after = [decoded(one.rows[0]) for one in masklets if one.rows[0].rle]
        assert np.array_equal(sum((m.astype(int) for m in after), np.zeros(SIZE, int)), before > 0)

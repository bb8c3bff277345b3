import pytest
from drawn_rows import SIZE, masklet, row, unit

from trawl.config.steps import TrackingConfig
from trawl.track import stitch
from trawl.track.masklet import Masklet

RED, BLUE, PINK = unit(1, 0, 0), unit(0, 0, 1), unit(1, 0, 0.4)
CONFIG = TrackingConfig(max_age_s=2.0, gate_sigmas=3.0, same_cosine=0.8)


def going(x, step, start, count, look=RED):
    return masklet([x + step * n for n in range(count)], start, {start: look})


def linked(masklets, new, config=CONFIG):
    return stitch.link(masklets, new, SIZE, config)


def test_one_that_is_where_it_should_be_and_looks_the_same():
    assert linked({0: going(2, 2, 0, 8), 1: going(26, 2, 12, 8)}, {1}) == [(0, 1)]


@pytest.mark.parametrize(
    "later, why",
    [
        (going(26, 2, 12, 8, BLUE), "another look"),
        (going(26, 2, 40, 4), "too late"),
        (masklet([26, 28], 12, {12: RED}, y=33), "another place"),
        (going(34, 2, 7, 8), "at the same time"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_that_is_another(later, why):
    assert linked({0: going(2, 2, 0, 8), 1: later}, {1}) == []


def test_known_ones_are_not_compared_again():
    masklets = {0: going(2, 2, 0, 8), 1: going(26, 2, 12, 8)}
    assert linked(masklets, set()) == []
    assert linked(masklets, {0}) == [(0, 1)]


def test_looks_tell_two_that_swap_places():
    """Both vanish together behind something and come out on the other's side."""
    masklets = {
        0: going(20, 0, 0, 8, RED), 1: going(30, 0, 0, 8, BLUE),
        2: going(30, 0, 14, 8, RED), 3: going(20, 0, 14, 8, BLUE),
    }  # fmt: skip
    assert sorted(linked(masklets, {2, 3})) == [(0, 2), (1, 3)]
    without = {key: Masklet(one.rows, one.named) for key, one in masklets.items()}
    assert sorted(linked(without, {2, 3})) == [(0, 3), (1, 2)]


def test_a_chain_comes_in_order_of_time():
    masklets = {5: going(2, 2, 0, 5), 2: going(18, 2, 8, 5), 9: going(34, 2, 16, 5)}
    assert linked(masklets, {2, 9}) == [(5, 2), (2, 9)]


def test_one_that_left_comes_back_at_the_border():
    """By its speed it is far outside by now."""
    fast = masklet([20 + 5 * n for n in range(8)], 0, {0: RED})
    assert linked({0: fast, 1: going(54, -1, 18, 5)}, {1}) == [(0, 1)]


def test_similar_looks_are_enough_and_the_setting_says_how_similar():
    masklets = {0: going(2, 2, 0, 8, RED), 1: going(26, 2, 12, 8, PINK)}
    assert linked(masklets, {1}) == [(0, 1)]
    assert linked(masklets, {1}, TrackingConfig(max_age_s=2.0, same_cosine=0.97)) == []


def test_where_both_are_seen_masks_decide():
    masklets = {0: masklet([5, 5, 5]), 1: masklet([20, 20, 20]), 2: masklet([40, 40, 40, 40, 40])}
    masklets |= {
        7: masklet([20, 20, 20], start=1),
        8: masklet([40, 40, 40], start=1),
        9: masklet([12, 12, 12], start=1),
    }
    assert linked(masklets, {7, 8, 9}) == [(1, 7)]  # 8 is within 2, 9 is beside 0


def test_where_both_are_seen_it_is_one_to_one():
    masklets = {0: masklet([5, 5]), 7: masklet([6, 6], start=1), 8: masklet([5, 5], start=1)}
    assert linked(masklets, {7, 8}) == [(0, 8)]


def test_new_ones_go_on_as_each_other():
    masklets = {0: masklet([5] * 9), 1: masklet([5] * 9, start=6), 2: masklet([5] * 9, start=12)}
    assert linked(masklets, {0, 1, 2}) == [(0, 1), (1, 2)]


def test_nothing_to_link():
    assert linked({}, set()) == []
    assert linked({0: Masklet({0: row(0, 5)})}, {0}) == []

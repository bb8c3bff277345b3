"""The Pareto front against its definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trawl.compare.front import Point, dominates, front

NUMBERS = st.integers(0, 6).map(float)  # few values, so that ties are common
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=25)


@given(POINTS)
def test_nothing_on_it_is_beaten_and_all_else_is(points: list[Point]) -> None:
    on = front(points)
    assert len(set(on)) == len(on)
    assert not any(dominates(other, points[k]) for k in on for other in points)
    assert all(any(dominates(points[k], points[left]) for k in on) for left in set(range(len(points))) - set(on))


@given(POINTS)
def test_it_goes_from_one_end_to_the_other(points: list[Point]) -> None:
    on = [points[k] for k in front(points)]
    assert on == sorted(on, key=lambda point: (-point[0], point[1]))
    assert [y for _, y in on] == sorted(y for _, y in on)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], []),
        ([(1.0, 1.0)], [0]),
        ([(1.0, 1.0), (1.0, 1.0)], [0, 1]),
        ([(1.0, 1.0), (1.0, 2.0), (0.0, 2.0)], [1]),
        ([(0.0, 3.0), (3.0, 0.0), (1.0, 1.0)], [1, 2, 0]),
    ],
    ids=["none", "one", "equals", "ties in one", "three apart"],
)
def test_small_ones(points: list[Point], expected: list[int]) -> None:
    assert front(points) == expected

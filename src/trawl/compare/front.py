"""The Pareto front: those that no other beats on one side without losing on the other."""

from collections.abc import Sequence

Point = tuple[float, float]  # higher is better in both


def front(points: Sequence[Point]) -> list[int]:
    """Which points nothing dominates, as places, best in the first coordinate first. Equal points are all on it, or none is.

    >>> front([(0.5, 3.0), (0.9, 1.0), (0.4, 2.0), (0.9, 0.5)])
    [1, 0]
    """
    order = sorted(range(len(points)), key=lambda k: (-points[k][0], -points[k][1], k))
    kept: list[int] = []
    for k in order:
        if not kept or points[k][1] > points[kept[-1]][1] or points[k] == points[kept[-1]]:
            kept.append(k)
    return kept


def dominates(a: Point, b: Point) -> bool:
    """Whether `a` is at least as good in both and better in one."""
    return a[0] >= b[0] and a[1] >= b[1] and a != b

"""An estimate is the measured cost of a byte, times bytes."""

import pytest

from trawl.config.data import PricesConfig
from trawl.index.estimate import estimate, rates
from trawl.runtime.run_file import SavedRun


def record(
    recipe: str = "r", size: int = 10**9, work_s: float = 100.0, **other: object
) -> SavedRun:
    return SavedRun.of(
        {
            "recipe": recipe,
            "size_bytes": size,
            "seconds": {"work": work_s, "plan": 5.0},
            "wall_s": work_s + 20,
            "cpu_s": {"decode": 60.0, "embed": 120.0},
            "frames": {"embedded": 1000},
            "gpus": 2.0,
            **other,
        }
    )


def test_a_run_like_the_earlier_one_costs_the_same() -> None:
    known = rates([record()], "r")
    assert known is not None
    guess = estimate(
        7, 10**9, 1024, known, PricesConfig(cpu_h=1.0, gpu_h=10.0, gb_month=0.0, gb_read=0.5)
    )
    assert guess.wall_h == pytest.approx(120 / 3600)
    assert guess.stored_bytes == pytest.approx(1000 * (1024 + 64))
    assert guess.cpu_h == pytest.approx(180 / 3600)
    assert guess.gpu_h == pytest.approx(200 / 3600)
    assert guess.money == pytest.approx(
        {"CPU": 0.05, "GPU": 10 * 200 / 3600, "reading": 0.5, "storage, a month": 0.0}
    )


def test_work_grows_with_bytes_and_start_up_does_not() -> None:
    known = rates([record(size=10**9, work_s=100.0), record(size=3 * 10**9, work_s=300.0)], "r")
    assert known is not None
    small, large = (estimate(1, size, 1024, known, PricesConfig()) for size in (10**9, 10**10))
    assert (large.wall_h - small.wall_h) * 3600 == pytest.approx(9 * 100)
    assert small.wall_h * 3600 == pytest.approx(20 + 100)
    assert large.stored_bytes == pytest.approx(10 * small.stored_bytes)


@pytest.mark.parametrize(
    "useless", [[], [record(recipe="other")], [record(size=0)], [SavedRun(recipe="r")]]
)
def test_without_a_run_of_this_recipe_there_is_no_estimate(useless: list) -> None:
    assert rates(useless, "r") is None


def test_only_the_latest_ten_count() -> None:
    known = rates([record() for _ in range(10)] + [record(work_s=10**6)], "r")
    assert known is not None
    assert known.runs == 10
    assert known.wall_s * 10**9 == pytest.approx(100)

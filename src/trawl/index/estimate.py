"""Estimates what a run would cost from what earlier runs of the dataset did cost.

Reads their `run.json`; runs nothing.

Everything is taken per byte of video, because a listing knows no more of a video than its size;
what a run spends besides work on videos (start-up, planning, publishing) is taken per run. Only
runs of the same recipe count: another model has other costs.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from trawl.config.data import PricesConfig
from trawl.runtime.run_file import SavedRun

_RUNS = 10  # the latest that did any work
_FACTS_BYTES = 64  # of a stored row, beside its embedding: what filters need


@dataclass(frozen=True, slots=True)
class Rates:
    """Means over `runs` earlier runs that read `size_bytes` in all; each per byte of video but
    fixed_s, seconds of a run.
    """

    runs: int
    size_bytes: int
    wall_s: float
    cpu_s: float
    gpu_s: float
    frames: float
    fixed_s: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """hours of wall, CPU and GPU; bytes read and newly stored; money, by what it is spent on (a
    month for what is stored).
    """

    videos: int
    size_bytes: int
    wall_h: float
    cpu_h: float
    gpu_h: float
    stored_bytes: float
    money: dict[str, float]


def rates(runs: Iterable[SavedRun], recipe: str) -> Rates | None:
    """Return what a byte of video costs.

    Args:
        runs: of jobs.index, the latest first.
        recipe: the key of the recipe that would be used.

    Returns:
        None where no run of this recipe has read a byte.
    """
    useful = [run for run in runs if run.recipe == recipe and run.size_bytes > 0][:_RUNS]
    size = sum(run.size_bytes for run in useful)
    if not size:
        return None
    work = [run.seconds.get("work", 0.0) for run in useful]
    return Rates(
        runs=len(useful),
        size_bytes=size,
        wall_s=sum(work) / size,
        cpu_s=sum(sum(run.cpu_s.values()) for run in useful) / size,
        gpu_s=sum((run.gpus or 0.0) * spent for run, spent in zip(useful, work, strict=True))
        / size,
        frames=sum(run.frames.get("embedded", 0) for run in useful) / size,
        fixed_s=sum(run.wall_s or 0.0 for run in useful) / len(useful) - sum(work) / len(useful),
    )


def estimate(
    videos: int, size_bytes: int, row_bytes: int, known: Rates, prices: PricesConfig
) -> Estimate:
    """Estimate what so many videos of so many bytes in all would take, and the rows of their
    embeddings of `row_bytes` each.
    """
    wall_h = (known.fixed_s + known.wall_s * size_bytes) / 3600
    cpu_h, gpu_h = known.cpu_s * size_bytes / 3600, known.gpu_s * size_bytes / 3600
    stored = known.frames * size_bytes * (row_bytes + _FACTS_BYTES)
    money = {
        "CPU": cpu_h * prices.cpu_h,
        "GPU": gpu_h * prices.gpu_h,
        "reading": size_bytes / 1e9 * prices.gb_read,
        "storage, a month": stored / 1e9 * prices.gb_month,
    }
    return Estimate(videos, size_bytes, wall_h, cpu_h, gpu_h, stored, money)

"""Writes a night's results when it is over, however it ended: `night.json`, `metrics.prom` and the
page, in that order.

    <root>/<dataset>/nights/<night>/{night.json,metrics.prom,index.html,log.jsonl}
    <root>/<dataset>/nights/latest.prom    the same as the latest night's metrics.prom, under a name
                                           that stays

A night that was killed outright tells nothing; that its files are missing, or old, is then what
tells.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from trawl.config.data import PricesConfig
from trawl.errors import IndexMissingError, StorageError, UsageError
from trawl.exits import EXIT_BUG, EXIT_INTERRUPTED
from trawl.nightly.metrics import exposition
from trawl.nightly.page import NIGHTS, About, Cost, render
from trawl.nightly.record import NightFacts, NightRecord, read_night
from trawl.runtime import run_file
from trawl.storage import Storage
from trawl.table import publish

PAGE = "index.html"
_METRICS = "metrics.prom"


@contextmanager
def telling(night: NightRecord, storage: Storage, prices: PricesConfig) -> Iterator[None]:
    """The night happens in the block.

    Raises:
        StorageError: the storage did not take what a good night has to tell. That of a bad one is
            then lost, and its own error goes on.
    """
    try:
        yield
    except BaseException as error:
        night.ended_by, night.ended_code = _in_words(error)
        with suppress(StorageError):
            tell(night, storage, prices)
        raise
    tell(night, storage, prices)


def tell(night: NightRecord, storage: Storage, prices: PricesConfig) -> None:
    """Write the three files.

    Raises:
        StorageError: the storage failed.
    """
    night.write(storage)
    nights = f"{night.dataset}/nights"
    tonight = read_night(_json(storage, f"{nights}/{night.night}/night.json"))
    before = [name for name in storage.folders(nights) if name < night.night][-NIGHTS:]
    found = [name for name in before if storage.exists(f"{nights}/{name}/night.json")]
    earlier = [read_night(_json(storage, f"{nights}/{name}/night.json")) for name in found]
    about = _about(tonight, storage, prices)
    metrics = exposition(tonight, about)
    storage.write_bytes(f"{night.folder}/{_METRICS}", metrics)
    storage.write_bytes(f"{nights}/latest.prom", metrics)
    storage.write_bytes(f"{night.folder}/{PAGE}", render(tonight, earlier, about).encode())


def _about(night: NightFacts, storage: Storage, prices: PricesConfig) -> About:
    runs = [asked.run_id for some in night.standing.values() for asked in some]
    reports = {run_id: f"runs/{run_id}/report/{PAGE}" for run_id in runs}
    there = {
        run_id for run_id, name in reports.items() if storage.exists(f"{night.dataset}/{name}")
    }
    return About(
        cost=_cost(
            night, [run_file.read(storage, night.dataset, run_id) for run_id in runs], prices
        ),
        published_h=_published_h(storage, night.dataset),
        reports={run_id: f"../../{name}" for run_id, name in reports.items() if run_id in there},
        files=("night.json", _METRICS, "log.jsonl"),
    )


def _cost(night: NightFacts, runs: list[run_file.SavedRun | None], prices: PricesConfig) -> Cost:
    tracked = [run for run in runs if run is not None]
    cpu_s = night.cpu_s + sum(sum(run.cpu_s.values()) for run in tracked)
    held = ((run.gpus or 0.0) * run.seconds.get("work", 0.0) for run in tracked)
    cpu_h, gpu_h = cpu_s / 3600, (night.gpu_s + sum(held)) / 3600
    money = {
        "CPU": cpu_h * prices.cpu_h,
        "GPU": gpu_h * prices.gpu_h,
        "reading": night.size_bytes / 1e9 * prices.gb_read,
    }
    return Cost(cpu_h, gpu_h, money, prices.currency)


def _published_h(storage: Storage, dataset: str) -> float | None:
    try:
        made_at = datetime.fromisoformat(publish.latest(storage, dataset).created_at)
    except IndexMissingError:
        return None
    return max(0.0, (datetime.now(UTC) - made_at).total_seconds() / 3600)


def _in_words(error: BaseException) -> tuple[str, int]:
    """(one line, exit code)."""
    if isinstance(error, UsageError):
        return " ".join(str(error).split()), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted; the next night goes on", EXIT_INTERRUPTED
    return (
        f"{type(error).__name__}: {' '.join(str(error).split())[:300].rstrip('.')}; log.jsonl has the traceback",
        EXIT_BUG,
    )


def _json(storage: Storage, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(storage.read_bytes(name))
    return found

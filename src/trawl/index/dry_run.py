"""Prints the plan for `dry_run=true`, and what it would take by the measure of earlier runs.

Writes nothing.
"""

from collections.abc import Iterator
from dataclasses import asdict

import pyarrow as pa
from rich.console import Console

from trawl.config.jobs import IndexConfig
from trawl.corpus.source import Listing
from trawl.index import estimate
from trawl.index.estimate import Estimate
from trawl.index.plan import LedgerView, make_plan
from trawl.runtime.progress import format_s
from trawl.runtime.record import line
from trawl.runtime.run_file import earlier_index_runs
from trawl.storage import Storage
from trawl.table.ledger import existing_ledger


class _Nothing:
    """The ledger of a dataset that was never indexed."""

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        return iter(())


def foresee(
    config: IndexConfig,
    storage: Storage,
    dataset: str,
    recipe: str,
    dim: int,
    listing: Listing,
    console: Console,
) -> None:
    """Plan and price a run, and print both.

    Args:
        dim: D, of the embeddings that it would store.

    Raises:
        UsageError: the corpus or the storage cannot be read.
    """
    ledger: LedgerView = (
        existing_ledger(storage.table_uri(dataset, recipe, "videos"), storage.lance_options)
        or _Nothing()
    )
    plan = make_plan(listing, ledger, config.retry)
    sizes = [planned.video.size_bytes for planned in plan.work()][: config.limit]
    known = estimate.rates(earlier_index_runs(storage, dataset), recipe)
    row_bytes = dim * (2 if config.table.dtype == "float16" else 4)
    guess = (
        estimate.estimate(len(sizes), sum(sizes), row_bytes, known, config.prices)
        if known
        else None
    )
    line(
        console,
        "would do",
        ", ".join(f"{n:,} {kind}" for kind, n in asdict(plan.counts).items() if n) or "nothing",
    )
    line(console, "videos", f"{len(sizes):,} to index, {sum(sizes) / 1e9:,.3f} GB to read")
    if not sizes:
        line(console, "cost", "one listing")
    elif guess is None or known is None:
        line(
            console,
            "cost",
            f"unknown: no earlier run of recipe {recipe} tells; run one with limit=100 to measure it",
        )
    else:
        _print(guess, known, config, console)
    line(console, "dry run", "nothing was changed")


def _print(guess: Estimate, known: estimate.Rates, config: IndexConfig, console: Console) -> None:
    hours = f"{guess.cpu_h:,.2f} CPU hours, {guess.gpu_h:,.2f} GPU hours"
    line(console, "time", f"{format_s(3600 * guess.wall_h)} on what the earlier runs had: {hours}")
    line(console, "storage", f"{guess.stored_bytes / 1e9:,.3f} GB of new rows")
    parts = ", ".join(f"{name} {cost:,.2f}" for name, cost in guess.money.items() if cost >= 0.005)
    total = f"{sum(guess.money.values()):,.2f} {config.prices.currency}"
    line(console, "money", f"{total} ({parts})" if parts else f"{total}")
    line(console, "basis", f"{known.runs} earlier runs over {known.size_bytes / 1e9:,.3f} GB")

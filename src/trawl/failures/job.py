"""The failures job on one screen: a recipe's ledger - what is asked of its failed videos - the list
of them.

Without retry=, quarantine= or release= it only reads. With one of them it holds the dataset's lease
and changes the ledger in one transaction, so that all videos named are changed or none. Quarantine
then drops the rows of videos that were indexed: a crash between the two leaves rows that the next
run's `publish.reconcile` drops. Queries see the change with the next publication. Needs no Ray.
"""

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.text import Text

from trawl.config.data import StorageConfig
from trawl.config.jobs import FailuresConfig
from trawl.corpus.source import dataset_name
from trawl.errors import ConfigError, IndexMissingError, did_you_mean
from trawl.failures import requests as failed
from trawl.failures.requests import Choice
from trawl.failures.terminal import group_table, groups, plain, row_lines
from trawl.query import results
from trawl.records.video import Status
from trawl.storage import Storage
from trawl.storage.lease import Holder, hold
from trawl.table import frames, publish
from trawl.table.ledger import Ledger, existing_ledger

_NAMED = 5  # changed videos that are named
_REQUESTS: dict[str, Callable[[Ledger, Choice, str], pa.Table]] = {
    "retry": failed.again,
    "quarantine": failed.set_aside,
    "release": failed.released,
}
_DONE = {
    "retry": "waiting for one more attempt, which the next indexing run makes",
    "quarantine": "in quarantine: not tried until released or changed, and not found by queries from the next indexing run on",
    "release": "out of quarantine; the next indexing run tries {}",
}


@dataclass(frozen=True, slots=True)
class FailuresOutcome:
    """recipe: whose ledger it is; rows: schemas.FAILURES, as listed; changed: video_ids, also those
    a dry run would change.
    """

    recipe: str
    rows: pa.Table
    changed: list[str]


def run(config: FailuresConfig, console: Console | None = None) -> FailuresOutcome:
    """List the failed videos, after doing what is asked of them.

    Raises:
        UsageError: nothing was indexed yet, a request names no video, another job writes the
            dataset, the storage fails.
    """
    console = console or Console()
    request, choice = _request(config), Choice(config.reason, config.path, config.status)
    target = _target(config.out, config.storage) if config.out else None
    storage, dataset = Storage.open(config.storage), dataset_name(config.dataset)
    storage.check(write=request is not None and not config.dry_run)
    recipe = _recipe(storage, dataset, config.recipe)
    changed = _change(config, request, choice, storage, dataset, recipe, console) if request else []
    ledger = _ledger(storage, dataset, recipe)
    rows = failed.listed(ledger, choice)
    if target:
        where, name, form = target
        about = {
            "dataset": dataset,
            "recipe": recipe,
            **asdict(choice),
            "runs": storage.uri(dataset, "runs"),
        }
        where.write_bytes(name, results.to_bytes(rows, form, about))
    _print(config, ledger, rows, storage.uri(dataset, "runs"), recipe, console)
    return FailuresOutcome(recipe, rows, changed)


def _request(config: FailuresConfig) -> tuple[str, str] | None:
    """The one thing to do, and its value."""
    asked = [(name, value) for name in _REQUESTS if (value := getattr(config, name)) is not None]
    if len(asked) > 1:
        raise ConfigError(
            f"{' and '.join(name for name, _ in asked)} in one command: ask for one at a time"
        )
    return asked[0] if asked else None


def _recipe(storage: Storage, dataset: str, wanted: str | None) -> str:
    """The recipe whose ledger counts."""
    known = [name for name in storage.folders(f"{dataset}/index") if name != "published"]
    if wanted is not None:
        if wanted not in known:
            raise ConfigError(f"recipe={wanted} was never indexed: {did_you_mean(wanted, known)}")
        return wanted
    try:
        return publish.latest(storage, dataset).recipe_key
    except IndexMissingError:
        newest = [
            (when, name)
            for name in known
            if (when := _last_change(storage, dataset, name)) is not None
        ]
        if newest:
            return str(max(newest)[1])
        raise IndexMissingError(
            f"nothing was indexed yet under {storage.uri(dataset)}; run python -m jobs.index +dataset=... first"
        ) from None


def _last_change(storage: Storage, dataset: str, recipe: str) -> Any:
    ledger = existing_ledger(storage.table_uri(dataset, recipe, "videos"), storage.lance_options)
    return pc.max(ledger.read(columns=["updated_at"])["updated_at"]).as_py() if ledger else None


def _ledger(storage: Storage, dataset: str, recipe: str) -> Ledger:
    ledger = existing_ledger(storage.table_uri(dataset, recipe, "videos"), storage.lance_options)
    if ledger is None:
        raise IndexMissingError(
            f"recipe {recipe} has no ledger under {storage.uri(dataset, 'index')}"
        )
    return ledger


def _change(
    config: FailuresConfig,
    request: tuple[str, str],
    choice: Choice,
    storage: Storage,
    dataset: str,
    recipe: str,
    console: Console,
) -> list[str]:
    """Do it, or say what would be done. -> video_ids"""
    (verb, value), make = request, _REQUESTS[request[0]]
    if config.dry_run:
        rows = make(_ledger(storage, dataset, recipe), choice, value)
    else:

        def waiting(holder: Holder) -> None:
            _line(
                console, "waiting", f"up to {config.lease_s:g} s, to see whether {holder} is alive"
            )

        with hold(storage, dataset, "jobs.failures", config.lease_s, waiting) as lease:
            before = _ledger(storage, dataset, recipe)
            rows = make(before, choice, value)
            lease.check()
            before.upsert(rows)
            if verb == "quarantine":
                uri, key = (
                    storage.table_uri(dataset, recipe, "frames"),
                    f"quarantine/{uuid.uuid4().hex}",
                )
                frames.commit(uri, storage.lance_options, [], rows["video_id"].to_pylist(), key)
    changed: list[str] = rows["video_id"].to_pylist()
    some = ", ".join(plain(name) for name in changed[:_NAMED]) + (
        ", ..." if len(changed) > _NAMED else ""
    )
    one = len(changed) == 1
    would = "would be" if config.dry_run else "is" if one else "are"
    done = _DONE[verb].format("it" if one else "them")
    _line(console, verb, f"{len(changed):,} video{'' if one else 's'} {would} {done}: {some}")
    return changed


def _target(out: str, files: StorageConfig) -> tuple[Storage, str, str]:
    """(where, file in it, its format)"""
    form = out.rpartition(".")[2].lower()
    if form not in results.FORMATS:
        allowed = ", ".join(f".{known}" for known in results.FORMATS)
        raise ConfigError(f"out={out} must end with one of: {allowed}")
    whole = out if "://" in out else str(Path(out).expanduser().absolute())
    parent, _, name = whole.rpartition("/")
    if parent.endswith("/"):
        raise ConfigError(f"out={out} must be a file in a bucket or a folder")
    where = Storage.open(replace(files, root=parent or "/"))
    where.check(write=True)
    return where, name, form


def _print(
    config: FailuresConfig, ledger: Ledger, rows: pa.Table, runs: str, recipe: str, console: Console
) -> None:
    counts = dict.fromkeys(Status, 0)
    for (status, _), count in ledger.counts().items():
        counts[Status(status)] += count
    _line(
        console,
        "ledger",
        ", ".join(f"{count:,} {status}" for status, count in counts.items() if count) or "empty",
    )
    _line(console, "recipe", recipe)
    if not rows.num_rows:
        _line(
            console,
            "failures",
            "none" + (" of these" if any((config.reason, config.path, config.status)) else ""),
        )
    else:
        console.print(
            group_table(
                groups(rows.select(["video_id", "reason", "message", "status"]).to_pylist())
            )
        )
        shown = rows.slice(0, config.rows).to_pylist()
        if shown:
            console.print(row_lines(shown), soft_wrap=True)
            console.print()
            _line(console, "logs", f"of a run: {runs}/<run>/log.jsonl, each line with its video_id")
        if rows.num_rows > len(shown):
            _line(
                console,
                "more",
                f"{rows.num_rows - len(shown):,} are not shown; rows= shows more, out= writes all",
            )
    if config.out:
        _line(console, "written", config.out)


def _line(console: Console, head: str, text: str) -> None:
    console.print(Text.assemble((f"{head:<10} ", "bold"), text), soft_wrap=True, highlight=False)

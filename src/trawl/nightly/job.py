"""The nightly job on one screen: index what changed - publish - maintain - ask the standing queries
of what is new.

One lease is held from the first step to the last. Each step knows by the state that it finds what
is left of it to do, so a night that was killed is gone on with by the next one, and two nights of
the same corpus do the work of one. A standing query that cannot be answered costs its own answer.
What it tells (`night_telling.py`) is in `<root>/<dataset>/nights/<night>/`.
"""

import logging
from contextlib import ExitStack
from dataclasses import fields

from rich.console import Console
from rich.text import Text

from trawl.config.jobs import IndexConfig, NightlyConfig
from trawl.corpus.source import dataset_name
from trawl.errors import LeaseError, UsageError
from trawl.index import job as index
from trawl.nightly.record import NightRecord
from trawl.nightly.standing_queries import Question, ask, questions
from trawl.nightly.telling import PAGE, telling
from trawl.runtime.clock import Deadline
from trawl.runtime.journal import journal
from trawl.runtime.record import line
from trawl.runtime.session import staying
from trawl.storage import Storage

_log = logging.getLogger(__name__)


def run(config: NightlyConfig, console: Console | None = None) -> NightRecord:
    """One night.

    Raises:
        UsageError: before any work starts, when it cannot work as configured, or another job writes
            the dataset.
    """
    console, deadline = console or Console(), Deadline(config.max_hours)
    asked = questions(config)
    storage, dataset = Storage.open(config.storage), dataset_name(config.dataset)
    night = NightRecord(dataset)
    if config.dry_run:
        night.index = index.run(_indexing(config), console)
        line(
            console,
            "then",
            f"standing queries: {', '.join(question.name for question in asked) or 'none'}",
        )
        return night
    storage.check(write=True)
    with ExitStack() as stack:
        stack.enter_context(deadline.watching())
        stack.enter_context(journal(storage, night.folder, "nightly", night.night, config.log))
        lease = stack.enter_context(
            index.hold_dataset(storage, dataset, "jobs.nightly", config.table.lease_s, console)
        )
        stack.enter_context(telling(night, storage, config.prices))
        stack.enter_context(staying())
        with night.clock.step("index"):
            night.index = index.run(_indexing(config), console, lease, deadline)
        for question in asked:
            lease.check()
            _ask(question, night, deadline, console)
    line(console, "night", storage.uri(night.folder, PAGE))
    return night


def _indexing(config: NightlyConfig) -> IndexConfig:
    return IndexConfig(**{item.name: getattr(config, item.name) for item in fields(IndexConfig)})


def _ask(question: Question, night: NightRecord, deadline: Deadline, console: Console) -> None:
    if deadline.over():
        night.left.append(question.name)
        _log.info("standing query left", extra={"fields": {"query": question.name}})
        return
    console.print(Text(f"standing   {question.name}", style="bold"))
    _log.info(
        "standing query begun", extra={"fields": {"query": question.name, "texts": question.texts}}
    )
    try:
        with night.clock.step(f"standing {question.name}"):
            found = night.standing[question.name] = ask(question, night.night, deadline, console)
        told = {
            name: sum(one.counts.get(name, 0) for one in found)
            for name in ("clips", "failed", "tracks", "masks")
        }
        told["videos"] = sum(one.videos for one in found)
        _log.info("standing query ended", extra={"fields": {"query": question.name} | told})
        if not found:
            line(console, "", "no new footage")
    except LeaseError:
        raise
    except UsageError as error:
        night.refused[question.name] = str(error)
        _log.warning(
            "standing query refused",
            extra={"fields": {"query": question.name, "message": str(error)}},
        )
        line(console, "refused", f"{question.name}: {error}")

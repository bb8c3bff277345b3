"""The nightly job on one screen: index what changed - publish - maintain - ask the standing queries of what is new.

One lease is held from the first step to the last. Each step knows by the state that it finds what is left of it to do, so a night
that was killed is gone on with by the next one, and two nights of the same corpus do the work of one. A standing query that
cannot be answered costs its own answer. Written to `<root>/<dataset>/nights/<night>/`.
"""

from contextlib import ExitStack
from dataclasses import fields

from rich.console import Console
from rich.text import Text

from trawl.config import IndexConfig, NightlyConfig
from trawl.errors import LeaseError, UsageError
from trawl.pipelines import index
from trawl.pipelines.deadline import Deadline
from trawl.pipelines.night_record import NightRecord
from trawl.pipelines.standing_queries import Question, ask, questions
from trawl.pipelines.summary import line
from trawl.source import dataset_name
from trawl.storage import Storage


def run(config: NightlyConfig, console: Console | None = None) -> NightRecord:
    """One night.

    Raises:
        UsageError: before any work starts, when it cannot work as configured, or another job writes the dataset.
    """
    console, deadline = console or Console(), Deadline(config.max_hours)
    asked = questions(config)
    storage, dataset = Storage.open(config.storage), dataset_name(config.dataset)
    night = NightRecord(dataset)
    if config.dry_run:
        night.index = index.run(_indexing(config), console)
        line(console, "then", f"standing queries: {', '.join(question.name for question in asked) or 'none'}")
        return night
    storage.check(write=True)
    with ExitStack() as stack:
        stack.enter_context(deadline.watching())
        lease = stack.enter_context(index.hold_dataset(storage, dataset, "jobs.nightly", config.table.lease_s, console))
        with night.clock.step("index"):
            night.index = index.run(_indexing(config), console, lease, deadline)
        for question in asked:
            lease.check()
            _ask(question, night, deadline, console)
        night.write(storage)
    line(console, "night", storage.uri(night.folder, "night.json"))
    return night


def _indexing(config: NightlyConfig) -> IndexConfig:
    return IndexConfig(**{item.name: getattr(config, item.name) for item in fields(IndexConfig)})


def _ask(question: Question, night: NightRecord, deadline: Deadline, console: Console) -> None:
    if deadline.over():
        night.left.append(question.name)
        return
    console.print(Text(f"standing   {question.name}", style="bold"))
    try:
        with night.clock.step(f"standing {question.name}"):
            night.standing[question.name] = ask(question, night.night, deadline, console)
    except LeaseError:
        raise
    except UsageError as error:
        night.refused[question.name] = str(error)
        line(console, "refused", f"{question.name}: {error}")

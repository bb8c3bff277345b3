"""The index job on one screen: source - plan - decode - embed - frames table - publish.

    driver     list the corpus, compare with the ledger, hand out videos, commit, publish          1
               process
    decode     one video or span each, in a sandboxed child; CPU only
               1:1 span -> rows
    embed      batches of small uint8 pictures from any decoder; GPU where there is one
               N:1 batches -> model
    write      rows of many videos -> one fragment
               N:1 videos -> fragment

Actors start only when there is work, so a night without changes costs one listing. Everything after
the plan may be killed at any point: what is committed stays, the rest is planned again
(docs/architecture.md).
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from trawl.config.data import DatasetConfig
from trawl.config.jobs import IndexConfig
from trawl.corpus.source import dataset_name, list_videos
from trawl.decode.sampling import what_counts
from trawl.errors import DatasetError, IndexMissingError
from trawl.index.commit import Committer, Tables
from trawl.index.dispatch import Dispatcher
from trawl.index.dry_run import foresee
from trawl.index.fleet import Fleet, fleet
from trawl.index.outcome import Failed, Gatherer
from trawl.index.plan import Counts, Plan, PlannedVideo, check_retry, make_plan
from trawl.index.record import RunRecord, show
from trawl.models.clip import embedders as registry
from trawl.models.clip.weights import Blueprint
from trawl.records.video import Recipe
from trawl.runtime.clock import Deadline
from trawl.runtime.journal import journal
from trawl.runtime.process import import_lance
from trawl.runtime.progress import IndexProgress
from trawl.runtime.record import line
from trawl.runtime.room import or_no_time, waiting_for_room
from trawl.schemas import frames_schema
from trawl.storage import Storage
from trawl.storage.lease import Holder, Lease, hold
from trawl.table import maintain, publish

_log = logging.getLogger(__name__)
_LARGEST_FIRST_AMONG = 1000
_REMOVED_AT_ONCE = 5000
_FEW = 20  # videos of which any number may go without a question


def run(
    config: IndexConfig,
    console: Console | None = None,
    lease: Lease | None = None,
    deadline: Deadline | None = None,
) -> RunRecord:
    """Build or refresh a dataset's index and publish it.

    Args:
        lease: of the dataset, where the caller holds it already.
        deadline: of the caller; None: `max_hours` from now.

    Raises:
        UsageError: before any work starts, when it cannot work as configured, or another job writes
            the dataset.
    """
    console, deadline = console or Console(), deadline or Deadline(config.max_hours)
    record = RunRecord(asdict(config))
    storage, dataset = Storage.open(config.storage), dataset_name(config.dataset)
    if not config.dry_run:
        storage.check(write=True)
    with ExitStack() as stack:
        stack.enter_context(deadline.watching())
        folder = f"{dataset}/runs/{record.run_id}"
        log = journal(
            None if config.dry_run else storage, folder, "index", record.run_id, config.log
        )
        stack.enter_context(log)
        if lease is None and not config.dry_run:
            lease = stack.enter_context(
                hold_dataset(storage, dataset, "jobs.index", config.table.lease_s, console)
            )
        if config.rollback is not None:
            return _rollback(config, storage, dataset, config.rollback, record, console)
        _run(config, storage, dataset, deadline, lease, record, console)
    return record


def hold_dataset(
    storage: Storage, dataset: str, job: str, ttl_s: float, console: Console
) -> AbstractContextManager[Lease]:
    """The dataset's lease; whoever has to wait for a silent holder is told."""

    def waiting(holder: Holder) -> None:
        line(console, "waiting", f"up to {ttl_s:g} s, to see whether {holder} is alive")

    return hold(storage, dataset, job, ttl_s, waiting)


def _run(
    config: IndexConfig,
    storage: Storage,
    dataset: str,
    deadline: Deadline,
    lease: Lease | None,
    record: RunRecord,
    console: Console,
) -> None:
    with record.clock.step("prepare"):
        import_lance()
        published = _published_embedder(storage, dataset)
        blueprint = registry.resolve(
            config.embedder, published, gpus=config.resources.embed_gpus > 0
        )
        _ensure_demo(config.dataset, console)
    recipe = Recipe(
        blueprint.identity(), asdict(what_counts(config.sampling)), config.decode.decoder
    )
    with record.clock.step("plan"):
        check_retry(config.retry)
        listing = list_videos(config.dataset, config.storage)
        next(iter(listing))  # a dataset that is not there leaves no empty tables behind
        if lease is None:
            foresee(config, storage, dataset, recipe.key, blueprint.dim, listing, console)
            return
        schema = frames_schema(blueprint.dim, config.table.dtype)
        tables = Tables.open(storage, dataset, recipe.key, schema, lease.check)
        plan = make_plan(listing, tables.ledger, config.retry)
    record.recipe, record.plan, record.ignored = (
        recipe.key,
        asdict(plan.counts),
        dict(listing.ignored),
    )
    _log.info(
        "planned",
        extra={
            "fields": record.plan | {"recipe": recipe.key, "ignored": sum(record.ignored.values())}
        },
    )
    check_removed(plan.counts, config)
    _remove(plan, tables, record)
    _embed(config, blueprint, plan, tables, deadline, record, console)
    lease.check()
    with record.clock.step("publish"):
        maintain.compact(tables.ledger_uri, tables.options)
        facts = maintain.prepare(tables.frames_uri, tables.options, config.table.index_min_rows)
        _publish(storage, dataset, recipe, facts, record)
        maintain.clean_up(storage, dataset, config.table.keep_versions_h, recipe.key)
    storage.write_bytes(f"{dataset}/runs/{record.run_id}/run.json", record.to_json())
    show(record, console, storage.uri(dataset, "runs", record.run_id, "run.json"))


def check_removed(counts: Counts, config: IndexConfig) -> None:
    """Raise DatasetError where so much of the index is gone from the corpus that the listing is
    more likely to be wrong.
    """
    known = (
        counts.removed
        + counts.changed
        + counts.retry
        + counts.unchanged
        + counts.failed
        + counts.quarantined
    )
    if known > _FEW and counts.removed > config.max_removed_fraction * known:
        raise DatasetError(
            f"{config.dataset.uri} lacks {counts.removed:,} of the {known:,} videos that the index knows, more than "
            f"max_removed_fraction={config.max_removed_fraction:g}: check that it is whole, or set max_removed_fraction=1"
        )


def _published_embedder(storage: Storage, dataset: str) -> Mapping[str, Any] | None:
    try:
        return publish.latest(storage, dataset).recipe.embedder
    except IndexMissingError:
        return None


def _rollback(
    config: IndexConfig,
    storage: Storage,
    dataset: str,
    number: int,
    record: RunRecord,
    console: Console,
) -> RunRecord:
    if config.dry_run:
        publish.open_tables(storage, dataset, publish.numbered(storage, dataset, number))
        line(console, "would do", f"publish version {number} again")
        line(console, "dry run", "nothing was changed")
        return record
    record.published = publish.rollback(storage, dataset, number).number
    _log.info("published", extra={"fields": {"number": record.published, "rolled_back_to": number}})
    console.print(f"published version {number} again, as version {record.published}")
    return record


def _ensure_demo(config: DatasetConfig, console: Console) -> None:
    if config.kind == "demo":
        from trawl.demo import corpus

        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("making the demo corpus", total=config.videos)
            corpus.ensure(
                Path(config.uri),
                config.seed,
                config.videos,
                progress=lambda made, total: bar.update(task, completed=made, total=total),
            )


def _publish(
    storage: Storage, dataset: str, recipe: Recipe, facts: dict[str, Any] | None, record: RunRecord
) -> None:
    """Show queries what is committed; a new recipe once it is no less than what they have."""
    record.awaited = publish.awaited(storage, dataset, recipe.key, record.left)
    if record.awaited:
        record.published = publish.latest(storage, dataset).number
        told = {"recipe": recipe.key, "awaited": record.awaited, "read": record.published}
        _log.info("built beside", extra={"fields": told})
        return
    shown = publish.publish(storage, dataset, recipe, facts)
    record.published = shown.number
    told = {"number": shown.number, "videos": shown.num_videos, "rows": shown.num_rows}
    _log.info("published", extra={"fields": told})


def _remove(plan: Plan, tables: Tables, record: RunRecord) -> None:
    """Videos that are gone from the corpus go from the index; the ledger remembers that they were
    there.
    """
    if not plan.counts.removed:
        return
    with record.clock.step("remove"):
        gone = plan.removed()
        while video_ids := list(islice(gone, _REMOVED_AT_ONCE)):
            tables.remove(video_ids, record.run_id, key=f"{record.run_id}/removed/{video_ids[0]}")


def _embed(
    config: IndexConfig,
    blueprint: Blueprint,
    plan: Plan,
    tables: Tables,
    deadline: Deadline,
    record: RunRecord,
    console: Console,
) -> None:
    """Decode, embed and commit what the plan found to do. With nothing to do, no Ray is started."""
    videos = min(plan.counts.work, config.limit or plan.counts.work)
    if not videos:
        return
    size_bytes = sum(planned.video.size_bytes for planned in islice(plan.work(), videos))
    waiting = waiting_for_room(console, deadline)
    with (
        or_no_time(deadline),
        fleet(config, blueprint, record, waiting) as workers,
        record.clock.step("work"),
    ):
        with IndexProgress(console, videos, size_bytes) as progress:
            committer = Committer(
                workers.writers, tables, config.table, record.run_id, on_commit=record.count
            )
            work = _largest_first(islice(plan.work(), videos))
            _pump(deadline.within(work), workers, committer, record, progress)
            committer.flush()
        workers.report(record)
    record.stopped = deadline.stopped
    record.left = plan.counts.work - record.outcomes.total()


def _pump(
    videos: Iterator[PlannedVideo],
    workers: Fleet,
    committer: Committer,
    record: RunRecord,
    progress: IndexProgress,
) -> None:
    """videos -> units -> outcomes -> commits."""
    gatherer = Gatherer()

    def tick() -> None:
        committer.tick()
        progress.refresh()

    for event in Dispatcher(workers.decoders, workers.embedders, workers.embed_threads).run(
        videos, tick
    ):
        progress.frames(record.count_unit(event))
        for outcome in gatherer.add(event):
            progress.video(outcome.video.size_bytes, isinstance(outcome, Failed))
            committer.add(outcome)


def _largest_first(videos: Iterator[PlannedVideo]) -> Iterator[PlannedVideo]:
    """Large files early, a window at a time, so that the last actor is not left alone with a long
    video.
    """
    while window := list(islice(videos, _LARGEST_FIRST_AMONG)):
        yield from sorted(window, key=lambda planned: -planned.video.size_bytes)

"""The tracking job on one screen: text - segments - clips - ground - track - write.

    driver   text vectors, search, plan the clips, hand them out                                  1
             process
    track    decode (sandboxed child) -> ground -> follow -> one part of each table per clip
             1:1 clip -> parts

The plan is written before the first clip is handed out, and a clip is done when its tracks part is
there, so a run that was killed goes on with `run_id=...`: same publication, same clips, nothing
finished is repeated.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rich.console import Console

from trawl.config.jobs import TrackConfig
from trawl.config.models import ResourcesConfig
from trawl.corpus.source import dataset_name, reopen
from trawl.errors import ConfigError, RunError
from trawl.models import grounders
from trawl.models.clip import embedders as registry
from trawl.models.sam2 import trackers
from trawl.query import templates, texts
from trawl.query.published import PublishedIndex
from trawl.records.search import Answer
from trawl.records.tracking import Clip, Target
from trawl.runtime.clock import Deadline
from trawl.runtime.crew import Crew
from trawl.runtime.journal import journal
from trawl.runtime.pool import Pool, working_pool
from trawl.runtime.progress import TrackProgress
from trawl.runtime.record import new_run_id
from trawl.runtime.room import Share, Waiting, or_no_time, room_for, waiting_for_room
from trawl.runtime.session import cluster_resources, is_staying, ray_session
from trawl.runtime.sizes import how_many_fit
from trawl.storage import Storage
from trawl.table import publish
from trawl.table.publish import Published
from trawl.track.actor import TrackActor
from trawl.track.clips import plan_clips
from trawl.track.record import TrackRecord, show
from trawl.track.reuse.keys import reuse_keys
from trawl.track.reuse.shelf import clean
from trawl.track.tables import Lineage, check_run_id, finished
from trawl.track.task import TrackJob, TrackModels, TrackTask

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrackPlan:
    """Holds what a run does, fixed before it begins: `<run>/plan.json`.

    config_hash: of the settings as typed. best_retrieval: of any segment found, None without one.
    precisions: of grounder and tracker, settled; empty in plans of an earlier Trawl.
    """

    config_hash: str
    publication: int
    best_retrieval: float | None
    clips: tuple[Clip, ...]
    precisions: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "TrackPlan":
        content = json.loads(data)
        clips = [
            Clip(**{**c, "targets": tuple(Target(**t) for t in c["targets"])})
            for c in content.pop("clips")
        ]
        return cls(**content, clips=tuple(clips))


@dataclass(frozen=True, slots=True)
class Asked:
    """Describes what another job wants followed, in place of `text` and `queries`: texts, among
    these videos only (None: all).
    """

    texts: tuple[str, ...]
    among: frozenset[str] | None = None


def run(
    config: TrackConfig,
    console: Console | None = None,
    asked: Asked | None = None,
    deadline: Deadline | None = None,
) -> TrackRecord:
    """Follow what the texts name through the published index, and write masks and tracks.

    Args:
        asked: None: what the settings ask.
        deadline: after it no clip is begun; the same `run_id` goes on with the rest.

    Raises:
        UsageError: nothing is published, a setting or text is no good, weights are missing, the
            storage fails.
    """
    console = console or Console()
    asked = asked or Asked(tuple(texts.read_texts(config.text, config.queries)))
    queries = list(asked.texts)
    templates.check_templates(config.search.templates)
    storage, dataset = Storage.open(config.storage), dataset_name(config.dataset)
    record = TrackRecord(config.run_id or new_run_id(), asdict(config), queries)
    folder = f"{dataset}/runs/{record.run_id}"
    with record.clock.step("prepare"):
        published = publish.latest(storage, dataset)
        storage.check(write=True)
        earlier = _earlier_plan(storage, folder, config, queries)
        if earlier:
            published = publish.numbered(storage, dataset, earlier.publication)
        job = _job(_as_begun(config, earlier), published, dataset, queries, record.run_id)
    with record.clock.step("search"):
        plan = earlier or replace(
            _plan(config, storage, dataset, published, asked), precisions=_precisions(job)
        )
    if not earlier:
        storage.write_bytes(f"{folder}/plan.json", plan.to_json())
    record.published, record.recipe, record.lineage = (
        published.number,
        published.recipe_key,
        asdict(job.lineage),
    )
    record.best_retrieval = plan.best_retrieval
    done = finished(storage, dataset, record.run_id)
    todo = [clip for clip in plan.clips if clip.clip_id not in done]
    record.clips.update(planned=len(plan.clips), finished_before=len(plan.clips) - len(todo))
    with journal(storage, folder, "track", record.run_id, config.log):
        _log.info("clips planned", extra={"fields": dict(record.clips)})
        if todo and config.reuse:
            clean(storage, dataset, config.cache)
        if todo:
            _track(config, job, todo, deadline or Deadline(), record, console)
        storage.write_bytes(f"{folder}/run.json", record.to_json())
    show(record, console, storage.uri(folder))
    return record


def settings_hash(config: TrackConfig, queries: Sequence[str]) -> str:
    """12 hex digits of everything in the settings that changes a track, precision "auto" as it
    stands.

    What it comes to on this machine must not make another command of one that is typed again, nor
    another standing query.
    """
    settings = {
        name: asdict(getattr(config, name))
        for name in ("grounder", "tracker", "search", "tracking")
    }
    for name in ("grounder", "tracker"):
        del settings[name]["device"]
    content = json.dumps([settings, list(queries), config.limit], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _earlier_plan(
    storage: Storage, folder: str, config: TrackConfig, queries: Sequence[str]
) -> TrackPlan | None:
    """The plan of the run that `run_id` names, None for a run that is new."""
    if config.run_id is None:
        return None
    check_run_id(config.run_id)
    names = storage.names(folder)
    if "plan.json" not in names:
        if "run.json" in names:
            raise RunError(
                f"run_id={config.run_id} is a run of another job: choose another name, or leave run_id out"
            )
        return None
    plan = TrackPlan.from_json(storage.read_bytes(f"{folder}/plan.json"))
    if plan.config_hash != settings_hash(config, queries):
        raise ConfigError(
            f"run_id={config.run_id} was begun with other settings or texts: type the command as it was, or leave run_id out"
        )
    return plan


def _job(
    config: TrackConfig, published: Published, dataset: str, queries: Sequence[str], run_id: str
) -> TrackJob:
    embedder = registry.from_recipe(published.recipe.embedder, config.weights)
    grounder = grounders.resolve(config.grounder, embedder)
    tracker = trackers.resolve(config.tracker, gpus=config.resources.track_gpus > 0)
    lineage = Lineage(
        recipe=published.recipe_key,
        embedder=_named(embedder.identity()),
        grounder=_named(grounder.identity()),
        tracker=f"{_named(tracker.identity())} {tracker.upsample}",
        config_hash=settings_hash(
            _with_precisions(config, grounder.precision, tracker.precision), queries
        ),
    )
    models = TrackModels(
        embedder=embedder,
        grounder=grounder,
        tracker=tracker,
        device=config.grounder.device,
        tracker_device=config.tracker.device,
        threads=config.resources.track_threads,
        gpus=config.resources.track_gpus,
    )
    # every picture by itself, or its features' last digits would depend on its neighbours
    if config.reuse:
        models = replace(models, tracker=replace(tracker, frame_batch=1))
    return TrackJob(
        run_id=run_id,
        dataset=dataset,
        storage=config.storage,
        decode=config.decode,
        grounding=config.grounder,
        tracking=config.tracking,
        templates=config.search.templates,
        models=models,
        lineage=lineage,
        scratch=config.resources.scratch,
        reuse=reuse_keys(config, models) if config.reuse else None,
    )


def _named(identity: dict[str, Any]) -> str:
    return f"{identity['model']}/{identity['weights']}@{identity['sha256']} {identity['precision']}"


def _precisions(job: TrackJob) -> dict[str, str]:
    return {"grounder": job.models.grounder.precision, "tracker": job.models.tracker.precision}


def _as_begun(config: TrackConfig, earlier: TrackPlan | None) -> TrackConfig:
    """A run goes on in the precision that it began with, on whatever machine."""
    known = earlier.precisions if earlier else {}
    words = (getattr(config, name).precision for name in ("grounder", "tracker"))
    begun = [
        known.get(name, word) if word == "auto" else word
        for name, word in zip(("grounder", "tracker"), words)
    ]
    return _with_precisions(config, *begun)


def _with_precisions(config: TrackConfig, grounder: str, tracker: str) -> TrackConfig:
    return replace(
        config,
        grounder=replace(config.grounder, precision=grounder),
        tracker=replace(config.tracker, precision=tracker),
    )


def _plan(
    config: TrackConfig, storage: Storage, dataset: str, published: Published, asked: Asked
) -> TrackPlan:
    queries = asked.texts
    embed_texts = registry.build_text(
        registry.from_recipe(published.recipe.embedder, config.weights)
    )
    vectors = [
        templates.query_vector(query, config.search.templates, embed_texts) for query in queries
    ]
    index = PublishedIndex(storage, dataset, published)
    answers = index.answers(queries, vectors, config.search, asked.among)
    segments = [segment for answer in answers for segment in answer.segments]
    where = {
        video_id: (source.uri, source.fingerprint)
        for video_id, source in index.sources(segment.video_id for segment in segments).items()
    }
    clips = plan_clips([pair for answer in answers for pair in _phrases(answer)], where)
    return TrackPlan(
        config_hash=settings_hash(config, queries),
        publication=published.number,
        best_retrieval=max((segment.score for segment in segments), default=None),
        clips=tuple(clips[: config.limit]),
    )


def _phrases(answer: Answer) -> list[tuple[str, Any]]:
    """Return the phrases to look for in an answer's segments: of weighted prompts those that are
    wanted, not those to avoid.
    """
    wanted = [phrase for phrase, weight in templates.parse_prompts(answer.query) if weight > 0]
    return [(phrase, segment) for phrase in wanted for segment in answer.segments]


def _track(
    config: TrackConfig,
    job: TrackJob,
    clips: list[Clip],
    deadline: Deadline,
    record: TrackRecord,
    console: Console,
) -> None:
    with or_no_time(deadline), ExitStack() as stack:
        with record.clock.step("start_up"):
            stack.enter_context(ray_session(config.resources))
            waiting = waiting_for_room(console, deadline)
            pool = stack.enter_context(_pool(config.resources, job, len(clips), waiting))
            record.gpus = config.resources.track_gpus * len(pool.handles)
        with record.clock.step("work"), TrackProgress(console, len(clips)) as progress:
            uris = reopen(
                config.dataset, config.storage, {clip.video_id: clip.uri for clip in clips}
            )
            tasks = (TrackTask(job, clip, uris[clip.video_id]) for clip in deadline.within(clips))
            for task, answer in Crew[TrackTask](pool).run(tasks, progress.refresh):
                record.count(task.clip, answer)
                progress.clip(record.counts)
        record.count_memory(pool.ask("spent"))
        if not is_staying():  # the next point of a sweep looks at the same videos
            pool.ask("clear_cache")
    if record.clips["done"] + record.clips["failed"] < len(clips):
        record.stopped = deadline.stopped


def _pool(
    resources: ResourcesConfig, job: TrackJob, clips: int, waiting: Waiting
) -> AbstractContextManager[Pool[TrackActor]]:
    share, named = (
        Share("track", clips, resources.track_cpus, resources.track_gpus),
        resources.track_actors,
    )
    asked = min(clips, named or max(1, how_many_fit(share.cpus, share.gpus, cluster_resources())))

    def room() -> int:
        return room_for(share, named, resources, waiting)

    return working_pool(
        TrackActor, asked, room, (job.models,), num_cpus=share.cpus, num_gpus=share.gpus
    )

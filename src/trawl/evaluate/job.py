"""Runs the evaluation job: compares a tracking run, and its index, with the ground truth.

    run=<run_id>    evaluates that run on the videos that the ground truth annotates
    no run          tracks the ground truth's texts in its videos first, then evaluates that run

Equal runs give equal metrics. Everything that needs no pictures is computed on the driver, one clip
at a time. Only the worst cases are decoded again, for the page. Results are written to
`<root>/<dataset>/runs/<run_id>/evaluation/`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields

from rich.console import Console

from trawl.config.jobs import EvaluateConfig, TrackConfig
from trawl.config.steps import EvaluationConfig
from trawl.corpus.source import dataset_name
from trawl.decode.desk import PictureDesk
from trawl.errors import ConfigError, RunError, did_you_mean
from trawl.evaluate import cost
from trawl.evaluate.agreement import check
from trawl.evaluate.clip import evaluated_clip, frames_apart
from trawl.evaluate.counting import Answers, Corpus, corpus
from trawl.evaluate.end_to_end import EndToEnd
from trawl.evaluate.masks.measure import Masks
from trawl.evaluate.measured import ALL, Measured
from trawl.evaluate.misses import Misses
from trawl.evaluate.page import page
from trawl.evaluate.page.cases import worst_first
from trawl.evaluate.page.pictures import EvaluatedRun, picture_cases
from trawl.evaluate.page.terminal import figures_table
from trawl.evaluate.pairing import PairedClip, pair
from trawl.evaluate.results import Evaluation, write_metrics
from trawl.evaluate.retrieval.measure import measure_retrieval
from trawl.evaluate.robustness import measure as robustness
from trawl.evaluate.tracking.flags import Flags
from trawl.evaluate.tracking.measure import Tracking
from trawl.evaluate.truth import Truth, open_truth, trackable
from trawl.evaluate.truth.indexed import LEDGER_COLUMNS, IndexedVideos
from trawl.models.clip import embedders
from trawl.query import rerank, templates
from trawl.query.published import PublishedIndex, openable
from trawl.query.texts import read_texts
from trawl.records.tracking import Clip
from trawl.records.truth import Case
from trawl.runtime import run_file
from trawl.runtime.record import line
from trawl.storage import Storage
from trawl.table import publish
from trawl.track import job as track
from trawl.track import tables
from trawl.track.job import Asked, TrackPlan

MEASURES = ("retrieval", "masks", "tracking", "end_to_end", "cost")
_OF_TRACKS = {"masks", "tracking", "end_to_end"}
_PAGE = "index.html"


@dataclass(frozen=True, slots=True)
class EvaluationOutcome:
    """Holds the results of the job.

    Args:
        objective: Value of the metric `evaluation.objective` over all queries, or None if it
            cannot be computed.
        page: URI of the page.
        exit_code: Exit code of the tracking run that this job started, 0 if it started none.
    """

    evaluation: Evaluation
    objective: float | None
    page: str
    exit_code: int


def run(config: EvaluateConfig, console: Console | None = None) -> EvaluationOutcome:
    """Evaluate a tracking run, and the index that it searched, against the dataset's ground truth.

    Raises:
        UsageError: There is no ground truth, no index or no such run, or the ground truth is of
            other videos than the run.
    """
    console, settings = console or Console(), config.evaluation
    _check_measures(settings.measure)
    robustness.check(config)
    storage, dataset = Storage.open(config.storage), dataset_name(config.dataset)
    storage.check(write=True)
    run_id = tables.resolve_run(storage, dataset, config.run) if config.run else None
    published = publish.latest(storage, dataset)
    if run_id:
        published = publish.numbered(
            storage, dataset, _saved_run(storage, dataset, run_id).published
        )
    index = PublishedIndex(storage, dataset, published)
    indexed = IndexedVideos.of_ledger(index.ledger(LEDGER_COLUMNS), index.sampled)
    truth = open_truth(config.dataset, config.storage, indexed)
    measured = Measured()
    if "retrieval" in settings.measure:
        measured += _measure_index(config, index, truth)
    _check_objective(settings.objective, measured)
    exit_code = 0
    if run_id is None:
        texts = _texts_to_track(config, truth)
        outcome = track.run(
            _track_config(config), console if texts.texts else Console(quiet=True), texts
        )
        run_id, exit_code = outcome.run_id, outcome.exit_code
    saved = _saved_run(storage, dataset, run_id)
    evaluated = EvaluatedRun(storage, dataset, run_id, truth)
    clips = TrackPlan.from_json(storage.read_bytes(f"{dataset}/runs/{run_id}/plan.json")).clips
    for note in check(truth, indexed, clips).notes():
        line(console, "left out", note)
    if _OF_TRACKS & set(settings.measure):
        measured += _measure_tracks(evaluated, clips, saved.texts, settings)
    if "cost" in settings.measure:
        index_run = cost.index_record(
            run_file.earlier_index_runs(storage, dataset), published.recipe_key
        )
        measured += cost.measured(saved, index_run)
    if settings.robustness:
        metrics = robustness.run(
            config,
            [video_id for video_id in truth.video_ids() if video_id in indexed.videos],
            measured.metrics,
            lambda perturbed: run(perturbed, console).evaluation.metrics,
            console,
        )
        measured += Measured(metrics)
    evaluation = Evaluation(
        dataset=dataset,
        run_id=run_id,
        config_hash=saved.lineage["config_hash"],
        publication=published.number,
        metrics=measured.metrics,
        curves=measured.curves,
        cases=measured.cases,
        truth=asdict(config.dataset.truth) | {"videos": len(truth.video_ids())},
        settings=asdict(settings),
    )
    folder = write_metrics(storage, evaluation)
    html = _page(config, evaluation, saved, evaluated, index)
    storage.write_bytes(f"{folder}/{_PAGE}", html.encode())
    page_uri = storage.uri(folder, _PAGE)
    console.print(figures_table(f"{dataset} · {run_id}", evaluation.metrics, settings.objective))
    line(console, "page", page_uri)
    return EvaluationOutcome(evaluation, _objective(evaluation), page_uri, exit_code)


def _check_measures(measure: Sequence[str]) -> None:
    for name in measure:
        if name not in MEASURES:
            raise ConfigError(
                f"evaluation.measure={name} is not known: {did_you_mean(name, MEASURES)}"
            )


def _saved_run(storage: Storage, dataset: str, run_id: str) -> run_file.SavedRun:
    saved = run_file.read(storage, dataset, run_id)
    if saved is None:
        raise RunError(
            f"run={run_id} has not ended yet: python -m jobs.track ... run_id={run_id} continues it"
        )
    return saved


def _track_config(config: EvaluateConfig) -> TrackConfig:
    return TrackConfig(**{item.name: getattr(config, item.name) for item in fields(TrackConfig)})


def _texts_to_track(config: EvaluateConfig, truth: Truth) -> Asked:
    """Return the texts of the settings, or else the ground truth's, limited to its videos."""
    if set(config.evaluation.measure) == {"retrieval"}:
        phrases = []
    elif config.text is not None or config.queries is not None:
        phrases = read_texts(config.text, config.queries)
    else:
        phrases = [query.text for query in trackable(truth.queries())]
    return Asked(tuple(phrases), frozenset(truth.video_ids()))


def _measure_index(config: EvaluateConfig, index: PublishedIndex, truth: Truth) -> Measured:
    settings = config.evaluation
    blueprint = embedders.from_recipe(index.published.recipe.embedder, config.weights)
    if not settings.rerank:
        embed_texts = embedders.build_text(blueprint)
        return measure_retrieval(index, truth, embed_texts, config.search, settings)
    embedder = embedders.build(blueprint)
    with PictureDesk(config.decode, config.storage) as desk:
        reranker = rerank.open_reranker(embedder, index, desk, config, settings.rerank)
        return measure_retrieval(
            index, truth, embedder.embed_texts, config.search, settings, reranker
        )


def _measure_tracks(
    run: EvaluatedRun, clips: Sequence[Clip], texts: Sequence[str], config: EvaluationConfig
) -> Measured:
    """Measure masks, tracking and end to end, with one clip in memory at a time."""
    objects = _corpus(run.truth, texts, config) if "end_to_end" in config.measure else None
    measurements = [Misses(config), *_measurements(config.measure, config, objects)]
    for clip in paired(run, clips, config):
        for measurement in measurements:
            measurement.add(clip)
    return sum((measurement.measured() for measurement in measurements), Measured())


def _measurements(
    measure: Iterable[str], config: EvaluationConfig, objects: Corpus | None
) -> Iterator[Masks | Tracking | Flags | EndToEnd]:
    if "masks" in measure:
        yield Masks()
    if "tracking" in measure:
        yield from (Tracking(), Flags(config))
    if "end_to_end" in measure:
        yield EndToEnd(config, objects)


def _check_objective(name: str, measured: Measured) -> None:
    """Check the objective's name before tracking starts.

    A measurement that was fed nothing still lists the names of all its metrics.

    Raises:
        ConfigError: No measurement has a metric of that name.
    """
    results = [item.measured() for item in _measurements(MEASURES, EvaluationConfig(), None)]
    results.append(cost.measured(run_file.SavedRun(), None))
    names = {metric.name for result in (measured, *results) for metric in result.metrics}
    if name not in names:
        raise ConfigError(
            f"evaluation.objective={name} is not a metric: {did_you_mean(name, names)}"
        )


def _corpus(truth: Truth, texts: Sequence[str], config: EvaluationConfig) -> Corpus | None:
    """Return all objects that the texts name, or None if the ground truth has no identities."""
    if not all(truth.stated(video_id).identities for video_id in truth.video_ids()):
        return None
    phrases = [
        phrase for text in texts for phrase, weight in templates.parse_prompts(text) if weight > 0
    ]
    return corpus(truth.videos(), phrases, Answers(truth.queries()), config)


def paired(
    run: EvaluatedRun, clips: Sequence[Clip], config: EvaluationConfig
) -> Iterator[PairedClip]:
    """Pair the tracks of each finished clip of an annotated video with its true objects."""
    storage, dataset, run_id, truth = run.storage, run.dataset, run.run_id, run.truth
    finished, annotated = tables.finished(storage, dataset, run_id), set(truth.video_ids())
    answers = Answers(truth.queries())
    for clip in sorted(clips, key=lambda clip: (clip.video_id, clip.start_s, clip.clip_id)):
        if clip.clip_id not in finished or clip.video_id not in annotated:
            continue
        rows, tracks = tables.read_run(storage, dataset, run_id, [clip.clip_id])
        evaluated = evaluated_clip(
            clip,
            rows.to_table(),
            tracks.to_table(),
            truth.video(clip.video_id),
            answers,
            config,
            tables.looked_at(storage, dataset, run_id, clip.clip_id),
        )
        has_identities = truth.stated(clip.video_id).identities
        for part in [evaluated] if has_identities else frames_apart(evaluated, answers, config):
            yield pair(part, config)


def _page(
    config: EvaluateConfig,
    evaluation: Evaluation,
    saved: run_file.SavedRun,
    run: EvaluatedRun,
    index: PublishedIndex,
) -> str:
    cases: Sequence[Case] = worst_first(evaluation.cases, config.evaluation.worst)
    sources = index.sources(case.video_id for case in cases if case.video_id is not None)
    videos = openable(config.dataset, config.storage, sources)
    pictures = picture_cases(run, cases, videos, config.decode, config.storage)
    truth = ", ".join(
        f"{name} {len(value) if isinstance(value, list) else value}"
        for name, value in evaluation.truth.items()
        if value
    )
    lineage = ((name, str(value)) for name, value in saved.lineage.items())
    facts = [
        ("dataset", evaluation.dataset),
        ("run", evaluation.run_id),
        ("ground truth", truth),
        ("publication", str(evaluation.publication)),
        ("settings", evaluation.config_hash),
        *sorted((name, value) for name, value in lineage if name != "config_hash"),
        ("evaluated", f"{evaluation.created_at:%Y-%m-%d %H:%M} UTC"),
    ]
    summary = page.EvaluationSummary(
        f"Run {evaluation.run_id}, measured",
        f"{len(saved.texts):,} texts over {len(run.truth.video_ids()):,} videos",
        len(evaluation.cases),
        config.evaluation.objective,
        facts,
    )
    return page.render(summary, evaluation.metrics, evaluation.curves, pictures)


def _objective(evaluation: Evaluation) -> float | None:
    key = (evaluation.settings["objective"], ALL)
    values = [metric.value for metric in evaluation.metrics if (metric.name, metric.slice) == key]
    return values[0] if values else None

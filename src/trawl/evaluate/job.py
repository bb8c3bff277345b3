"""The evaluation job on one screen: ground truth - tracks of its texts - comparison - figures,
cases and a page.

    a run is named    that run is judged, on the videos that the truth knows
    none is named     the truth's own texts are followed among its videos first, with the settings
                      given

Equal runs give equal figures. Everything that needs no pictures is computed here, on the driver,
clip by clip; the worst cases alone are decoded again, to be looked at. Written to
`<root>/<dataset>/runs/<run_id>/evaluation/`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

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
from trawl.evaluate.measured import Measured
from trawl.evaluate.misses import Misses
from trawl.evaluate.page import cases as kinds
from trawl.evaluate.page import page
from trawl.evaluate.page.pictures import Judged, picture_cases
from trawl.evaluate.page.terminal import figures_table
from trawl.evaluate.pairing import PairedClip, pair
from trawl.evaluate.results import Evaluation, write_metrics
from trawl.evaluate.retrieval import measure as evaluate_retrieval
from trawl.evaluate.robustness import measure as robustness
from trawl.evaluate.tracking.flags import Flags
from trawl.evaluate.tracking.measure import Tracking
from trawl.evaluate.truth import Truth, open_truth, trackable
from trawl.evaluate.truth.known import LEDGER_COLUMNS, Known
from trawl.models.clip import embedders as registry
from trawl.query import rerank, templates, texts
from trawl.query.published import PublishedIndex, openable
from trawl.records.tracking import Clip
from trawl.records.truth import Case
from trawl.runtime.files import earlier_runs
from trawl.runtime.record import line
from trawl.storage import Storage
from trawl.table import publish
from trawl.track import job as track
from trawl.track import tables as write
from trawl.track.job import Asked, TrackPlan
from trawl.track.record import TrackRecord

MEASURES = ("retrieval", "masks", "tracking", "end_to_end", "cost")
_OF_TRACKS = {"masks", "tracking", "end_to_end"}
_PAGE = "index.html"


@dataclass(frozen=True, slots=True)
class EvaluationOutcome:
    """What an evaluation came to. objective: of all queries together, None where it cannot be
    computed. page: its URI.
    exit_code: that of the run that was made for it, 0 without one."""

    evaluation: Evaluation
    objective: float | None
    page: str
    exit_code: int


def run(config: EvaluateConfig, console: Console | None = None) -> EvaluationOutcome:
    """Judge a run of tracking, and the index it rests on, by the dataset's ground truth.

    Raises:
        UsageError: no truth, no index, no such run, or a truth that is of other videos than the
            run.
    """
    console, chosen = console or Console(), config.evaluation
    _check(chosen.measure)
    robustness.check(config)
    storage, dataset = Storage.open(config.storage), dataset_name(config.dataset)
    storage.check(write=True)
    run_id = write.resolve_run(storage, dataset, config.run) if config.run else None
    published = publish.latest(storage, dataset)
    if run_id:
        published = publish.numbered(
            storage, dataset, _record(storage, dataset, run_id)["published"]
        )
    index = PublishedIndex(storage, dataset, published)
    known = Known.of_ledger(index.ledger(LEDGER_COLUMNS), index.sampled)
    truth = open_truth(config.dataset, config.storage, known)
    measured = Measured()
    if "retrieval" in chosen.measure:
        measured += _of_retrieval(config, index, truth)
    _check_objective(chosen.objective, measured)
    exit_code = 0
    if run_id is None:
        asked = _asked(config, truth)
        made = track.run(_tracking(config), console if asked.texts else Console(quiet=True), asked)
        run_id, exit_code = made.run_id, made.exit_code
    record, judged = _record(storage, dataset, run_id), Judged(storage, dataset, run_id, truth)
    clips = TrackPlan.from_json(storage.read_bytes(f"{dataset}/runs/{run_id}/plan.json")).clips
    agreement = check(truth, known, clips)
    for note in agreement.notes():
        line(console, "left out", note)
    if _OF_TRACKS & set(chosen.measure):
        measured += _of_tracks(paired(judged, clips, chosen), truth, record["texts"], chosen)
    if "cost" in chosen.measure:
        measured += cost.measured(
            record, cost.index_record(earlier_runs(storage, dataset), published.recipe_key)
        )
    if chosen.robustness:
        video_ids = [video_id for video_id in truth.video_ids() if video_id in known.videos]
        worse = robustness.run(
            config,
            video_ids,
            measured.metrics,
            lambda other: run(other, console).evaluation.metrics,
            console,
        )
        measured += Measured(worse)
    evaluation = Evaluation(
        dataset=dataset,
        run_id=run_id,
        config_hash=record["lineage"]["config_hash"],
        publication=published.number,
        metrics=measured.metrics,
        curves=measured.curves,
        cases=measured.cases,
        truth=asdict(config.dataset.truth) | {"videos": len(truth.video_ids())},
        settings=asdict(chosen),
    )
    folder = write_metrics(storage, evaluation)
    html = _page(config, evaluation, record, judged, index)
    storage.write_bytes(f"{folder}/{_PAGE}", html.encode())
    outcome = EvaluationOutcome(
        evaluation, _objective(evaluation), storage.uri(folder, _PAGE), exit_code
    )
    _print(outcome, console)
    return outcome


def _check(measure: Sequence[str]) -> None:
    for name in measure:
        if name not in MEASURES:
            raise ConfigError(
                f"evaluation.measure={name} is not known: {did_you_mean(name, MEASURES)}"
            )


def _record(storage: Storage, dataset: str, run_id: str) -> dict[str, Any]:
    """run.json of a run of tracking."""
    name = f"{dataset}/runs/{run_id}/run.json"
    if not storage.exists(name):
        raise RunError(
            f"run={run_id} has not ended yet: python -m jobs.track ... run_id={run_id} goes on with it"
        )
    found: dict[str, Any] = json.loads(storage.read_bytes(name))
    return found


def _tracking(config: EvaluateConfig) -> TrackConfig:
    return TrackConfig(**{item.name: getattr(config, item.name) for item in fields(TrackConfig)})


def _asked(config: EvaluateConfig, truth: Truth) -> Asked:
    """The texts of the settings, or else the truth's own, among the truth's videos; none where
    nothing of tracks is measured.
    """
    if set(config.evaluation.measure) == {"retrieval"}:
        wanted = []
    elif config.text is not None or config.queries is not None:
        wanted = texts.read_texts(config.text, config.queries)
    else:
        wanted = [query.text for query in trackable(truth.queries())]
    return Asked(tuple(wanted), frozenset(truth.video_ids()))


def _of_retrieval(config: EvaluateConfig, index: PublishedIndex, truth: Truth) -> Measured:
    blueprint, chosen = (
        registry.from_recipe(index.published.recipe.embedder, config.weights),
        config.evaluation,
    )
    if not chosen.rerank:
        return evaluate_retrieval.measure(
            index, truth, registry.build_text(blueprint), config.search, chosen
        )
    embedder = registry.build(blueprint)
    with PictureDesk(config.decode, config.storage) as desk:
        reranker = rerank.open_reranker(embedder, index, desk, config, chosen.rerank)
        return evaluate_retrieval.measure(
            index, truth, embedder.embed_texts, config.search, chosen, reranker
        )


def _of_tracks(
    clips: Iterator[PairedClip], truth: Truth, texts: Sequence[str], config: EvaluationConfig
) -> Measured:
    """Masks, tracking and end to end, one clip in memory at a time."""
    there = _corpus(truth, texts, config) if "end_to_end" in config.measure else None
    wanted = [Misses(config), *_measurements(config.measure, config, there)]
    for paired in clips:
        for one in wanted:
            one.add(paired)
    return sum((one.measured() for one in wanted), Measured())


def _measurements(
    measure: Iterable[str], config: EvaluationConfig, there: Corpus | None
) -> Iterator[Masks | Tracking | Flags | EndToEnd]:
    if "masks" in measure:
        yield Masks()
    if "tracking" in measure:
        yield from (Tracking(), Flags(config))
    if "end_to_end" in measure:
        yield EndToEnd(config, there)


def _check_objective(name: str, measured: Measured) -> None:
    """Before tracks are made: what each measurement would say of nothing has the names of all that
    it says.

    Raises:
        ConfigError: no measurement has a metric of that name.
    """
    every = [one.measured() for one in _measurements(MEASURES, EvaluationConfig(), None)]
    every.append(cost.measured(json.loads(TrackRecord("", {}).to_json()), None))
    known = {metric.name for one in (measured, *every) for metric in one.metrics}
    if name not in known:
        raise ConfigError(
            f"evaluation.objective={name} is no metric that is measured: {did_you_mean(name, known)}"
        )


def _corpus(truth: Truth, texts: Sequence[str], config: EvaluationConfig) -> Corpus | None:
    """What there is to be found at all; None where the truth does not say which annotations are of
    one object.
    """
    if not all(truth.stated(video_id).identities for video_id in truth.video_ids()):
        return None
    phrases = [
        phrase for text in texts for phrase, weight in templates.parse_prompts(text) if weight > 0
    ]
    return corpus(truth.videos(), phrases, Answers(truth.queries()), config)


def paired(run: Judged, clips: Sequence[Clip], config: EvaluationConfig) -> Iterator[PairedClip]:
    """The finished clips of annotated videos beside their truth."""
    done, known = write.finished(run.storage, run.dataset, run.run_id), set(run.truth.video_ids())
    answers = Answers(run.truth.queries())
    for clip in sorted(clips, key=lambda clip: (clip.video_id, clip.start_s, clip.clip_id)):
        if clip.clip_id in done and clip.video_id in known:
            rows, tracks = write.read_run(run.storage, run.dataset, run.run_id, [clip.clip_id])
            looked = write.looked_at(run.storage, run.dataset, run.run_id, clip.clip_id)
            video = run.truth.video(clip.video_id)
            found = evaluated_clip(
                clip, rows.to_table(), tracks.to_table(), video, answers, config, looked
            )
            known_one = run.truth.stated(clip.video_id).identities
            for part in [found] if known_one else frames_apart(found, answers, config):
                yield pair(part, config)


def _page(
    config: EvaluateConfig,
    evaluation: Evaluation,
    record: Mapping[str, Any],
    judged: Judged,
    index: PublishedIndex,
) -> str:
    shown: Sequence[Case] = kinds.worst_first(evaluation.cases, config.evaluation.worst)
    sources = index.sources(case.video_id for case in shown if case.video_id is not None)
    pictures = picture_cases(
        judged,
        shown,
        openable(config.dataset, config.storage, sources),
        config.decode,
        config.storage,
    )
    truth = ", ".join(
        f"{name} {len(value) if isinstance(value, list) else value}"
        for name, value in evaluation.truth.items()
        if value
    )
    lead = f"{len(record['texts']):,} texts over {len(judged.truth.video_ids()):,} videos"
    facts = [("dataset", evaluation.dataset), ("run", evaluation.run_id), ("ground truth", truth)]
    facts += [("publication", str(evaluation.publication)), ("settings", evaluation.config_hash)]
    facts += sorted(
        (name, str(value)) for name, value in record["lineage"].items() if name != "config_hash"
    )
    facts += [("evaluated", f"{evaluation.created_at:%Y-%m-%d %H:%M} UTC")]
    about = page.About(
        f"Run {evaluation.run_id}, measured",
        lead,
        len(evaluation.cases),
        config.evaluation.objective,
        facts,
    )
    return page.render(about, evaluation.metrics, evaluation.curves, pictures)


def _objective(evaluation: Evaluation) -> float | None:
    name = evaluation.settings["objective"]
    return next(
        (one.value for one in evaluation.metrics if (one.name, one.slice) == (name, "all")), None
    )


def _print(outcome: EvaluationOutcome, console: Console) -> None:
    found = outcome.evaluation
    console.print(
        figures_table(
            f"{found.dataset} · {found.run_id}", found.metrics, found.settings["objective"]
        )
    )
    line(console, "page", outcome.page)

"""Measures what worse pictures cost: videos are copied, perturbed, indexed and evaluated again.

    for each perturbation    copies (kept)  ->  index by the same recipe (refreshed)  ->  the same
                             evaluation  ->  a few metrics

Each perturbation has a dataset "<dataset>-<perturbation>" with its own index, runs and evaluations,
which can be used like the clean one. Misspelt texts need no copies; retrieval measures them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace

from rich.console import Console

from trawl.config.data import DatasetConfig, SamplingConfig, TableConfig
from trawl.config.jobs import EvaluateConfig, IndexConfig
from trawl.config.models import EmbedderConfig
from trawl.corpus.source import dataset_name
from trawl.errors import ConfigError, DatasetError
from trawl.evaluate.robustness.copies import copies
from trawl.evaluate.robustness.perturb import Perturbation, parse
from trawl.index import job as index
from trawl.records.truth import Metric
from trawl.records.video import Recipe
from trawl.runtime.record import line
from trawl.runtime.session import ray_session
from trawl.storage import Storage
from trawl.table import publish
from trawl.table.publish import Published

CLEAN = "clean"  # the slice of the undisturbed figures
_ELSEWHERE = ("spelling",)  # words of evaluation.robustness that retrieval measures

# Metrics reported for every perturbation. found_in_corpus counts what retrieval no longer reaches;
# the metrics of masks and tracks are of the clips that it does.
_REPORTED = (
    "frame_recall_at_1 frame_map segment_recall_at_1_iou_0_5 video_max_recall_at_1 j_and_f "
    "hota_masks idf1_masks found found_in_corpus false_tracks_per_absent_segment"
)
REPORTED = tuple(_REPORTED.split())

EvaluateOne = Callable[[EvaluateConfig], Sequence[Metric]]


def check(config: EvaluateConfig) -> list[tuple[str, Perturbation]]:
    """Return the perturbations that the settings name, by their words, each once.

    Raises:
        ConfigError: A word is unknown, or `run` is set, whose settings may be other than these.
    """
    words = dict.fromkeys(word for word in config.evaluation.robustness if word not in _ELSEWHERE)
    perturbations = [(word, parse(word, _ELSEWHERE)) for word in words]
    if perturbations and config.run:
        raise ConfigError(
            f"evaluation.robustness=[{perturbations[0][0]}] tracks texts in perturbed videos "
            "with this command's settings, "
            f"which need not be those of run={config.run}: leave run out"
        )
    return perturbations


def run(
    config: EvaluateConfig,
    video_ids: Sequence[str],
    clean: Iterable[Metric],
    evaluate_one: EvaluateOne,
    console: Console | None = None,
) -> list[Metric]:
    """Return the metrics of `REPORTED` for clean and perturbed videos, in the family robustness.

    Args:
        config: Settings of the clean evaluation, whose index is published.
        video_ids: The evaluated videos.
        clean: Metrics of the clean evaluation.
        evaluate_one: Evaluates by other settings, which name another dataset and no robustness.
        console: Prints a line per perturbation.

    Raises:
        ConfigError: As in `check`.
        DatasetError: A video cannot be copied frame by frame or indexed.
        UsageError: An evaluation raised it.
    """
    console, perturbations = console or Console(), check(config)
    if not perturbations:
        return []
    storage, name = Storage.open(config.storage), dataset_name(config.dataset)
    published = publish.latest(storage, name)
    clean_metrics = list(clean)
    taken = {
        metric.name
        for metric in clean_metrics
        if (metric.family, metric.slice) == ("robustness", CLEAN)
    }
    metrics = [metric for metric in _reported(clean_metrics, CLEAN) if metric.name not in taken]
    with ray_session(config.resources):
        for word, what in perturbations:
            line(console, "perturbed", f"{word}: {len(video_ids):,} videos as {name}-{what}")
            dataset = copies(
                _with_truth(config.dataset),
                name,
                video_ids,
                what,
                config.storage,
                config.decode,
                config.resources,
            )
            _index(
                index_config(config, dataset, published, _dtype(storage, name, published)),
                published,
            )
            settings = replace(
                config, dataset=dataset, evaluation=replace(config.evaluation, robustness=[])
            )
            metrics += _reported(evaluate_one(settings), word)
    return metrics


def _with_truth(config: DatasetConfig) -> DatasetConfig:
    """Return the dataset with an explicit URI of its ground truth, for use with other videos."""
    if config.truth.format != "demo" or config.truth.uri is not None:
        return config
    return replace(config, truth=replace(config.truth, uri=f"{config.uri.rstrip('/')}/truth"))


def _reported(metrics: Iterable[Metric], slice_: str) -> list[Metric]:
    """Select the reported metrics over all queries."""
    of_all = {
        metric.name: metric
        for metric in metrics
        if metric.slice == "all" and metric.family != "robustness"
    }
    return [
        replace(of_all[name], family="robustness", slice=slice_)
        for name in REPORTED
        if name in of_all
    ]


def index_config(
    config: EvaluateConfig, dataset: DatasetConfig, published: Published, dtype: str
) -> IndexConfig:
    """Return settings that index `dataset` as a published index was.

    Args:
        dtype: Type of its embeddings.
    """
    recipe = published.recipe
    embedder = recipe.embedder
    return IndexConfig(
        dataset=dataset,
        storage=config.storage,
        sampling=SamplingConfig(**recipe.sampling),
        embedder=EmbedderConfig(
            kind=embedder["kind"],
            model=embedder["model"],
            weights=config.weights or embedder["weights"],
            aspect=embedder["image"]["aspect"],
            precision=embedder["precision"],
            device=config.grounder.device,
        ),
        resources=config.resources,
        decode=replace(config.decode, decoder=recipe.decoder),
        table=TableConfig(dtype=dtype),
        max_removed_fraction=1.0,  # the list of copies is ours, whatever it was before
    )


def _index(config: IndexConfig, published: Published) -> None:
    record = index.run(config, Console(quiet=True))
    name = dataset_name(config.dataset)
    if record.outcomes["failed"]:
        reason, example = next(iter(record.failed_examples.items()))
        raise DatasetError(
            f"{name}: {record.outcomes['failed']} copies cannot be indexed, such as {example} "
            f"({reason})"
        )
    recipe = publish.latest(Storage.open(config.storage), name).recipe
    if _without_path(recipe) != _without_path(published.recipe):
        raise DatasetError(
            f"{name} cannot be indexed as its original was: index that anew with this version first"
        )


def _without_path(recipe: Recipe) -> dict[str, object]:
    """Return a recipe without the path of its weights, whose hash it holds too."""
    content = asdict(recipe)
    return content | {
        "embedder": {key: value for key, value in recipe.embedder.items() if key != "weights"}
    }


def _dtype(storage: Storage, name: str, published: Published) -> str:
    """Return the type of a published index's embeddings: float16 or float32."""
    frames, _ = publish.open_tables(storage, name, published)
    kind = frames.schema.field("embedding").type.value_type
    return {"halffloat": "float16", "float": "float32"}[str(kind)]

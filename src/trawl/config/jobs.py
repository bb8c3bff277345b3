"""The settings' types and ranges.

YAML in `conf/` holds the values and says what they mean; here a typo is caught.

Below `jobs/` only these dataclasses and plain arguments travel, never a DictConfig. `validate`
checks what a type cannot say (a choice, a range) before any work starts. Imports nothing heavy, so
that every step can import it.
"""

from dataclasses import dataclass, field

from trawl.config.checks import MISSING, setting
from trawl.config.data import (
    DatasetConfig,
    DecodeConfig,
    PricesConfig,
    SamplingConfig,
    SplitConfig,
    StorageConfig,
    TableConfig,
)
from trawl.config.models import EmbedderConfig, GrounderConfig, ResourcesConfig, TrackerConfig
from trawl.config.steps import (
    CacheConfig,
    EvaluationConfig,
    PageConfig,
    ReportConfig,
    SearchConfig,
    TrackingConfig,
)
from trawl.config.values import values_of


@values_of("index.yaml")
@dataclass
class IndexConfig:
    """`python -m jobs.index`."""

    dataset: DatasetConfig = MISSING
    storage: StorageConfig = MISSING
    sampling: SamplingConfig = MISSING
    embedder: EmbedderConfig = MISSING
    resources: ResourcesConfig = MISSING
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    table: TableConfig = field(default_factory=TableConfig)
    retry: str | None = setting()
    rollback: int | None = setting(at_least=1)
    limit: int | None = setting(at_least=1)
    dry_run: bool = setting()
    max_hours: float | None = setting(above=0)
    max_failed_fraction: float | None = setting(at_least=0)
    max_removed_fraction: float = setting(at_least=0)
    log: str = setting(choices=("people", "json"))
    prices: PricesConfig = field(default_factory=PricesConfig)


@dataclass
class StandingConfig:
    """One file of `conf/standing`: a question that every night asks of new footage.

    overrides: settings of jobs.track, as on its command line; datasets: whose nights ask it, by
    `dataset.name`; empty: all.
    """

    overrides: list[str] = MISSING
    datasets: list[str] = field(default_factory=list)


@values_of("nightly.yaml")
@dataclass
class NightlyConfig(IndexConfig):
    """`python -m jobs.nightly`: all settings of indexing, and which standing queries follow it."""

    ask: list[str] | None = setting()


@values_of("query.yaml")
@dataclass
class QueryConfig:
    """`python -m jobs.query`. The model is not a setting: it comes from the published index."""

    dataset: DatasetConfig = MISSING
    storage: StorageConfig = MISSING
    search: SearchConfig = field(default_factory=SearchConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    text: str | None = setting()
    queries: str | None = setting()
    rerank: int = setting(at_least=0)
    weights: str | None = setting()
    device: str = setting()


@values_of("track.yaml")
@dataclass
class TrackConfig:
    """`python -m jobs.track`. The embedder is not a setting: it comes from the published index."""

    dataset: DatasetConfig = MISSING
    storage: StorageConfig = MISSING
    grounder: GrounderConfig = MISSING
    tracker: TrackerConfig = MISSING
    resources: ResourcesConfig = MISSING
    search: SearchConfig = field(default_factory=SearchConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    text: str | None = setting()
    queries: str | None = setting()
    weights: str | None = setting()
    run_id: str | None = setting()
    limit: int | None = setting(at_least=1)
    reuse: bool | None = setting()
    cache: CacheConfig = field(default_factory=CacheConfig)
    log: str = setting(choices=("people", "json"))


@values_of("evaluate.yaml")
@dataclass
class EvaluateConfig(TrackConfig):
    """`python -m jobs.evaluate`: all settings of tracking, used where no `run` is named, and what
    to measure.
    """

    run: str | None = setting()
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)


@values_of("compare.yaml")
@dataclass
class CompareConfig:
    """`python -m jobs.compare`: evaluated runs side by side; see `compare/`."""

    dataset: DatasetConfig = MISSING
    storage: StorageConfig = MISSING
    runs: list[str] = setting()
    sweep: str | None = setting()
    quality: str = setting()
    cost: str = setting()
    metrics: list[str] = setting()
    out: str | None = setting()


@values_of("failures.yaml")
@dataclass
class FailuresConfig:
    """`python -m jobs.failures`; see `failures/requests.py` for what `retry`, `quarantine` and
    `release` do.
    """

    dataset: DatasetConfig = MISSING
    storage: StorageConfig = MISSING
    recipe: str | None = setting()
    reason: str | None = setting()
    path: str | None = setting()
    status: str | None = setting(choices=("failed", "quarantined", "retry"))
    retry: str | None = setting()
    quarantine: str | None = setting()
    release: str | None = setting()
    dry_run: bool = setting()
    rows: int = setting(at_least=0)
    out: str | None = setting()
    lease_s: float = setting(above=0)


@values_of("export.yaml")
@dataclass
class ExportConfig:
    """`python -m jobs.export`; see `export/`."""

    dataset: DatasetConfig = MISSING
    storage: StorageConfig = MISSING
    run: str = setting()
    format: str = setting(MISSING, choices=("coco", "ytvis", "mot", "mots", "davis", "csv"))
    where: str | None = setting()
    inferred: bool = setting()
    classes: dict[str, int] = setting()
    split: SplitConfig = field(default_factory=SplitConfig)
    out: str | None = setting()


@values_of("report.yaml")
@dataclass
class ReportJobConfig:
    """`python -m jobs.report`; see `report/`."""

    dataset: DatasetConfig = MISSING
    storage: StorageConfig = MISSING
    report: PageConfig = field(default_factory=PageConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    run: str = setting()

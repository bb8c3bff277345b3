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
    retry: str | None = None
    rollback: int | None = setting(None, at_least=1)
    limit: int | None = setting(None, at_least=1)
    dry_run: bool = False
    max_hours: float | None = setting(None, above=0)
    max_failed_fraction: float | None = setting(None, at_least=0)
    max_removed_fraction: float = setting(0.5, at_least=0)
    log: str = setting("people", choices=("people", "json"))
    prices: PricesConfig = field(default_factory=PricesConfig)


@dataclass
class StandingConfig:
    """One file of `conf/standing`: a question that every night asks of new footage.

    overrides: settings of jobs.track, as on its command line; datasets: whose nights ask it, by
    `dataset.name`; empty: all.
    """

    overrides: list[str] = MISSING
    datasets: list[str] = field(default_factory=list)


@dataclass
class NightlyConfig(IndexConfig):
    """`python -m jobs.nightly`: all settings of indexing, and which standing queries follow it."""

    ask: list[str] | None = None


@dataclass
class QueryConfig:
    """`python -m jobs.query`. The model is not a setting: it comes from the published index."""

    dataset: DatasetConfig = MISSING
    storage: StorageConfig = MISSING
    search: SearchConfig = field(default_factory=SearchConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    text: str | None = None
    queries: str | None = None
    rerank: int = setting(0, at_least=0)
    weights: str | None = None
    device: str = "auto"


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
    text: str | None = None
    queries: str | None = None
    weights: str | None = None
    run_id: str | None = None
    limit: int | None = setting(None, at_least=1)
    reuse: bool | None = None
    cache: CacheConfig = field(default_factory=CacheConfig)
    log: str = setting("people", choices=("people", "json"))


@dataclass
class EvaluateConfig(TrackConfig):
    """`python -m jobs.evaluate`: all settings of tracking, used where no `run` is named, and what
    to measure.
    """

    run: str | None = None
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)


@dataclass
class CompareConfig:
    """`python -m jobs.compare`: evaluated runs side by side; see `compare/`."""

    dataset: DatasetConfig = MISSING
    storage: StorageConfig = MISSING
    runs: list[str] = field(default_factory=list)
    sweep: str | None = None
    quality: str = "hota_masks"
    cost: str = "cpu_s_per_video_hour"
    metrics: list[str] = field(default_factory=list)
    out: str | None = None


@dataclass
class FailuresConfig:
    """`python -m jobs.failures`; see `failures/requests.py` for what `retry`, `quarantine` and
    `release` do.
    """

    dataset: DatasetConfig = MISSING
    storage: StorageConfig = MISSING
    recipe: str | None = None
    reason: str | None = None
    path: str | None = None
    status: str | None = setting(None, choices=("failed", "quarantined", "retry"))
    retry: str | None = None
    quarantine: str | None = None
    release: str | None = None
    dry_run: bool = False
    rows: int = setting(50, at_least=0)
    out: str | None = None
    lease_s: float = setting(60.0, above=0)


@dataclass
class ExportConfig:
    """`python -m jobs.export`; see `export/`."""

    dataset: DatasetConfig = MISSING
    storage: StorageConfig = MISSING
    run: str = "latest"
    format: str = setting(MISSING, choices=("coco", "ytvis", "mot", "mots", "davis", "csv"))
    where: str | None = None
    inferred: bool = False
    classes: dict[str, int] = field(default_factory=dict)
    split: SplitConfig = field(default_factory=SplitConfig)
    out: str | None = None


@dataclass
class ReportJobConfig:
    """`python -m jobs.report`; see `report/`."""

    dataset: DatasetConfig = MISSING
    storage: StorageConfig = MISSING
    report: PageConfig = field(default_factory=PageConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    run: str = "latest"

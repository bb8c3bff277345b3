"""The settings' types and ranges. YAML in `conf/` holds the values and says what they mean; here a typo is caught.

Below `jobs/` only these dataclasses and plain arguments travel, never a DictConfig. `validate` checks what a type cannot say
(a choice, a range) before any work starts. Imports nothing heavy, so that every step can import it.
"""

from collections.abc import Iterator
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from trawl.errors import ConfigError, did_you_mean

MISSING: Any = "???"  # OmegaConf's mark of a value that the user or the YAML must give
PRECISIONS = ("auto", "bf16", "fp16", "fp32", "int8")  # see `models/precision.py`


def setting(
    default: Any = NO_DEFAULT,
    *,
    choices: tuple[str, ...] = (),
    at_least: float | None = None,
    above: float | None = None,
) -> Any:
    """A dataclass field with the values it may take. `None` always passes where the type allows it."""
    return field(default=default, metadata={"choices": choices, "at_least": at_least, "above": above})


@dataclass
class TruthConfig:
    """What is known of a dataset's videos, beside them; see `evaluate/truth/`. Without a format there is none."""

    format: str | None = setting(None, choices=("demo", "coco", "ytvis", "mot", "davis"))
    uri: str | None = None
    part: str | None = None
    first_frame: int | None = setting(None, at_least=0)
    unseen: list[str] = field(default_factory=list)


@dataclass
class DatasetConfig:
    """Where the videos are. kind: demo, folder or manifest; see `corpus/source.py` for what each reads."""

    kind: str = setting(MISSING, choices=("demo", "folder", "manifest"))
    name: str | None = None
    uri: str = MISSING
    glob: str = "**/*"
    # the options of `conf/embedder`, `conf/grounder` and `conf/tracker` that this dataset defaults to
    embedder: str | None = None
    grounder: str | None = None
    tracker: str | None = None
    # demo
    seed: int = setting(0, at_least=0)
    videos: int = setting(48, at_least=6)
    # manifest
    uri_column: str = "uri"
    id_column: str | None = None
    # queries that show what the dataset is about
    examples: list[str] = field(default_factory=list)
    truth: TruthConfig = field(default_factory=TruthConfig)


@dataclass
class StorageConfig:
    """Where tables, queries and runs are written. Credentials are never settings: see `storage.py`."""

    root: str = MISSING
    endpoint: str | None = None
    region: str | None = None
    retries: int = setting(5, at_least=0)
    cache_mb: int = setting(4096, at_least=0)


@dataclass
class SamplingConfig:
    """Which frames of a video are embedded; see `decode/sampling.py`."""

    policy: str = setting(MISSING, choices=("interval", "keyframes", "scenes"))
    every_s: float = setting(0.5, above=0)
    scene_threshold: float = setting(27.0, above=0)
    frames_per_shot: int = setting(1, at_least=1)
    max_gap_s: float = setting(5.0, above=0)


@dataclass
class DecodeConfig:
    """How far an untrusted file may go; see `decode/sandbox.py`."""

    decoder: str = setting("auto", choices=("auto", "decord", "pyav"))
    timeout_s: float = setting(1800.0, above=0)
    max_memory_mb: int = setting(2048, at_least=256)
    max_pixels: int = setting(8192 * 8192, at_least=1)
    max_bytes: int = setting(64 * 2**30, at_least=1)
    span_s: float = setting(600.0, at_least=1)


@dataclass
class EmbedderConfig:
    """Which model embeds; see `models/clip/openclip.py`."""

    kind: str = setting(MISSING, choices=("openclip", "fake"))
    model: str = MISSING
    weights: str | None = None
    aspect: str = setting("squash", choices=("center_crop", "squash", "pad"))
    precision: str = setting("fp32", choices=PRECISIONS)
    device: str = "auto"
    batch_size: int = setting(32, at_least=1)
    compile: bool = False


@dataclass
class TableConfig:
    """How rows are committed and indexed; see `table/`."""

    dtype: str = setting("float16", choices=("float16", "float32"))
    commit_rows: int = setting(50_000, at_least=1)
    commit_every_s: float = setting(300.0, above=0)
    index_min_rows: int = setting(50_000, at_least=256)
    keep_versions_h: float = setting(24.0, at_least=0)
    lease_s: float = setting(60.0, above=0)


@dataclass
class ResourcesConfig:
    """How many actors run where; see `runtime/room.py`. None: as many as the machine or cluster has room for."""

    address: str | None = None
    decode_actors: int | None = setting(None, at_least=1)
    decode_cpus: float = setting(0.5, at_least=0)
    embed_actors: int | None = setting(None, at_least=1)
    embed_cpus: float = setting(0.5, at_least=0)
    embed_gpus: float = setting(0.0, at_least=0)
    embed_threads: int | None = setting(None, at_least=1)
    track_actors: int | None = setting(None, at_least=1)
    track_cpus: float = setting(1.0, at_least=0)
    track_gpus: float = setting(0.0, at_least=0)
    track_threads: int = setting(1, at_least=1)
    wait_s: float = setting(900.0, at_least=0)
    object_store_mb: int = setting(512, at_least=100)
    scratch: str | None = None


@dataclass
class SearchConfig:
    """How a text becomes segments; see `search.py` and `query/segments.py`."""

    templates: str = "clip"
    frames: int = setting(400, at_least=1)
    segments: int = setting(20, at_least=1)
    per_video: int = setting(3, at_least=1)
    min_score: float | None = None
    cut: float = setting(0.5, above=0)
    bridge_s: float = setting(2.0, at_least=0)
    pad_s: float = setting(1.0, at_least=0)
    refine_factor: int = setting(2, at_least=1)
    nprobes: int = setting(256, at_least=1)
    where: str | None = None


@dataclass
class ReportConfig:
    """How much a contact sheet shows."""

    thumbnails: int = setting(20, at_least=0)
    thumbnail_width: int = setting(320, at_least=32)


@dataclass
class GrounderConfig:
    """What finds the named things on a frame; see `ground.py` and `models/grounders/`."""

    kind: str = setting(MISSING, choices=("clip", "owlv2", "grounding_dino", "fake"))
    model: str | None = None
    weights: str | None = None
    precision: str = setting("fp32", choices=PRECISIONS)
    device: str = "auto"
    min_score: float = setting(0.0, at_least=0)
    max_objects: int = setting(10, at_least=1)
    max_candidates: int = setting(10, at_least=1)
    overlap: float = setting(0.5, above=0)
    level: float = setting(0.3, above=0)
    crop_weight: float = setting(0.35, at_least=0)
    contrast: list[str] | None = None


@dataclass
class TrackerConfig:
    """What follows them; see `models/sam2/trackers.py`."""

    kind: str = setting(MISSING, choices=("sam2", "fake"))
    model: str | None = None
    weights: str | None = None
    image_size: int | None = setting(None, at_least=64)
    precision: str = setting("fp32", choices=PRECISIONS)
    upsample: str = setting("bilinear", choices=("bilinear", "guided"))
    device: str = "auto"
    compile: bool = False
    cache_mb: int = setting(256, at_least=1)
    frame_batch: int = setting(1, at_least=1)
    object_batch: int = setting(16, at_least=1)


@dataclass
class RefineConfig:
    """How masks are cleaned; see `track/refine.py`."""

    fill_holes: float = setting(0.0, at_least=0)
    drop_parts: float = setting(0.0, at_least=0)
    smooth_contour: float = setting(0.0, at_least=0)
    smooth_frames: int = setting(1, at_least=1)


@dataclass
class MotionConfig:
    """How a track moves through gaps, and when it is doubted; see `track/motion.py` and `track/doubts.py`."""

    noise: float = setting(0.05, above=0)
    drift: float = setting(3.0, above=0)
    speed_s: float = setting(0.2, above=0)
    still: float = setting(0.25, at_least=0)
    recent_s: float = setting(1.0, above=0)
    occluded: float = setting(0.5, at_least=0)
    area_jump: float = setting(2.0, at_least=1)
    max_speed: float = setting(20.0, above=0)
    low_score: float = setting(0.5, at_least=0)
    border: float = setting(0.005, at_least=0)
    appearance_cosine: float = 0.7
    switch_cosine: float = 0.8
    switch_sigmas: float = setting(5.0, above=0)


@dataclass
class TrackingConfig:
    """How objects are followed through a clip; see `track/`."""

    max_fps: float | None = setting(None, above=0)
    max_side: int | None = setting(None, at_least=32)
    chunk_s: float = setting(8.0, above=0)
    chunk_frames: int = setting(240, at_least=2)
    chunk_pixels: int = setting(200_000_000, at_least=1)
    overlap: int = setting(8, at_least=1)
    reground_s: float = setting(2.0, above=0)
    new_score: float = setting(0.0, at_least=0)
    min_support: float = setting(0.0, at_least=0)
    match_iou: float = setting(0.5, above=0)
    new_inside: float = setting(0.5, above=0)
    same_iou: float = setting(0.7, above=0)
    max_age_s: float = setting(5.0, at_least=0)
    max_lost: int = setting(50, at_least=0)
    gate_sigmas: float = setting(3.0, above=0)
    same_cosine: float = 0.8
    look_every_s: float = setting(1.0, above=0)
    look_margin: float = setting(0.1, at_least=0)
    overlaps: str = setting("keep", choices=("keep", "score"))
    refine: RefineConfig = field(default_factory=RefineConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)


@dataclass
class PricesConfig:
    """What resources cost, for estimates; see `index/estimate.py`. In any currency."""

    cpu_h: float = setting(0.04, at_least=0)
    gpu_h: float = setting(1.2, at_least=0)
    gb_month: float = setting(0.023, at_least=0)
    gb_read: float = setting(0.0, at_least=0)
    currency: str = "USD"


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

    overrides: settings of jobs.track, as on its command line; datasets: whose nights ask it, by `dataset.name`; empty: all.
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
class CacheConfig:
    """How long what runs may reuse is kept; see `reuse/`."""

    max_age_d: float = setting(30.0, at_least=0)
    max_gb: float = setting(20.0, at_least=0)


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
class EvaluationConfig:
    """What is measured, and when a thing counts; see `evaluate/`."""

    measure: list[str] = field(default_factory=lambda: ["retrieval", "masks", "tracking", "end_to_end", "cost"])
    objective: str = "hota_masks"
    min_visibility: float = setting(0.3, at_least=0)
    min_share: float = setting(0.1, at_least=0)
    match_iou: float = setting(0.1, above=0)
    min_score: float = setting(0.0, at_least=0)
    worst: int = setting(12, at_least=0)
    rerank: int = setting(0, at_least=0)
    robustness: list[str] = field(default_factory=list)


@dataclass
class EvaluateConfig(TrackConfig):
    """`python -m jobs.evaluate`: all settings of tracking, used where no `run` is named, and what to measure."""

    run: str | None = None
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)


@dataclass
class CompareConfig:
    """`python -m jobs.compare`: evaluated runs side by side; see `report/`."""

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
    """`python -m jobs.failures`; see `failures/requests.py` for what `retry`, `quarantine` and `release` do."""

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
class SplitConfig:
    """How videos are dealt to train, val and test; see `export/split.py`."""

    column: str | None = "split"
    train: float = setting(0.8, at_least=0)
    val: float = setting(0.1, at_least=0)
    test: float = setting(0.1, at_least=0)
    seed: int = 0


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
class PageConfig:
    """How much the page of a tracking run shows; see `report/page.py`."""

    clips: int = setting(20, at_least=0)
    order: str = setting("best", choices=("best", "doubtful"))
    doubtful: int = setting(10, at_least=0)
    side: int = setting(640, at_least=64)
    tail_s: float = setting(2.0, at_least=0)


@dataclass
class ReportJobConfig:
    """`python -m jobs.report`; see `report/`."""

    dataset: DatasetConfig = MISSING
    storage: StorageConfig = MISSING
    report: PageConfig = field(default_factory=PageConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    run: str = "latest"


def validate(config: Any) -> None:
    """Check choices and ranges of a settings dataclass and of all inside it.

    Raises:
        ConfigError: naming the first setting that is missing or outside of what it may be.
    """
    for name, value, rules in _leaves(config, ""):
        if value == MISSING:
            raise ConfigError(f"{name} has no value: give one as {name}=...")
        if value is None:
            continue
        if (choices := rules.get("choices")) and value not in choices:
            raise ConfigError(f"{name}={value} is not known: {did_you_mean(str(value), choices)}")
        if (low := rules.get("at_least")) is not None and value < low:
            raise ConfigError(f"{name}={value} is too small: it must be at least {low}")
        if (low := rules.get("above")) is not None and value <= low:
            raise ConfigError(f"{name}={value} is too small: it must be above {low}")


def _leaves(config: Any, prefix: str) -> Iterator[tuple[str, Any, Any]]:
    for item in fields(config):
        value, name = getattr(config, item.name), prefix + item.name
        if is_dataclass(value):
            yield from _leaves(value, name + ".")
        else:
            yield name, value, item.metadata

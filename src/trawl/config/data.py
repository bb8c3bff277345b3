"""Types and ranges of the settings of data: datasets, storage, sampling, decoding, tables."""

from dataclasses import dataclass, field

from trawl.config.checks import MISSING, setting


@dataclass
class TruthConfig:
    """What is known of a dataset's videos, beside them; see `evaluate/truth/`.

    Without a format there is none.
    """

    format: str | None = setting(None, choices=("demo", "coco", "ytvis", "mot", "davis"))
    uri: str | None = None
    part: str | None = None
    first_frame: int | None = setting(None, at_least=0)
    unseen: list[str] = field(default_factory=list)


@dataclass
class DatasetConfig:
    """Where the videos are. kind: demo, folder or manifest; see `corpus/source.py` for what each
    reads.
    """

    kind: str = setting(MISSING, choices=("demo", "folder", "manifest"))
    name: str | None = None
    uri: str = MISSING
    glob: str = "**/*"
    # the options of `conf/embedder`, `conf/grounder` and `conf/tracker` that this dataset defaults
    # to
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
    """Where tables, queries and runs are written.

    Credentials are never settings: see `storage.py`.
    """

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
class TableConfig:
    """How rows are committed and indexed; see `table/`."""

    dtype: str = setting("float16", choices=("float16", "float32"))
    commit_rows: int = setting(50_000, at_least=1)
    commit_every_s: float = setting(300.0, above=0)
    index_min_rows: int = setting(50_000, at_least=256)
    keep_versions_h: float = setting(24.0, at_least=0)
    lease_s: float = setting(60.0, above=0)


@dataclass
class PricesConfig:
    """What resources cost, for estimates; see `index/estimate.py`. In any currency."""

    cpu_h: float = setting(0.04, at_least=0)
    gpu_h: float = setting(1.2, at_least=0)
    gb_month: float = setting(0.023, at_least=0)
    gb_read: float = setting(0.0, at_least=0)
    currency: str = "USD"


@dataclass
class SplitConfig:
    """How videos are dealt to train, val and test; see `export/split.py`."""

    column: str | None = "split"
    train: float = setting(0.8, at_least=0)
    val: float = setting(0.1, at_least=0)
    test: float = setting(0.1, at_least=0)
    seed: int = 0

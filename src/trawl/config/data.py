"""Types and ranges of the settings of data: datasets, storage, sampling, decoding, tables."""

from dataclasses import dataclass, field

from trawl.config.checks import MISSING, setting
from trawl.config.values import values_of


@dataclass
class TruthConfig:
    """Describes the ground truth that lies beside a dataset's videos; see `evaluate/truth/`.

    Without a format there is none.
    """

    format: str | None = setting(None, choices=("demo", "coco", "ytvis", "mot", "davis"))
    uri: str | None = None
    part: str | None = None
    first_frame: int | None = setting(None, at_least=0)
    unseen: list[str] = field(default_factory=list)


@values_of("dataset/folder.yaml", "dataset/manifest.yaml", "dataset/demo.yaml")
@dataclass
class DatasetConfig:
    """Says where the videos are.

    kind: demo, folder or manifest; see `corpus/source.py` for what each reads.
    """

    kind: str = setting(MISSING, choices=("demo", "folder", "manifest"))
    name: str | None = None
    uri: str = MISSING
    glob: str = setting()
    # the options of `conf/embedder`, `conf/grounder` and `conf/tracker` that this dataset defaults
    # to
    embedder: str | None = None
    grounder: str | None = None
    tracker: str | None = None
    # demo
    seed: int = setting(at_least=0)
    videos: int = setting(at_least=6)
    # manifest
    uri_column: str = setting()
    id_column: str | None = None
    # queries that show what the dataset is about
    examples: list[str] = field(default_factory=list)
    truth: TruthConfig = field(default_factory=TruthConfig)


@values_of("storage/s3.yaml")
@dataclass
class StorageConfig:
    """Says where tables, queries and runs are written.

    Credentials are never settings: see `storage.py`.
    """

    root: str = MISSING
    endpoint: str | None = setting()
    region: str | None = setting()
    retries: int = setting(at_least=0)
    cache_mb: int = setting(at_least=0)


@values_of("sampling/interval.yaml")
@dataclass
class SamplingConfig:
    """Chooses the frames of a video that are embedded; see `decode/sampling.py`."""

    policy: str = setting(MISSING, choices=("interval", "keyframes", "scenes"))
    every_s: float = setting(above=0)
    scene_threshold: float = setting(above=0)
    frames_per_shot: int = setting(at_least=1)
    max_gap_s: float = setting(above=0)


@values_of("index.yaml", section="decode")
@dataclass
class DecodeConfig:
    """Limits what decoding an untrusted file may take; see `decode/sandbox.py`."""

    decoder: str = setting(choices=("auto", "decord", "pyav"))
    timeout_s: float = setting(above=0)
    max_memory_mb: int = setting(at_least=256)
    max_pixels: int = setting(at_least=1)
    max_bytes: int = setting(at_least=1)
    span_s: float = setting(at_least=1)


@values_of("index.yaml", section="table")
@dataclass
class TableConfig:
    """Sets how rows are committed and indexed; see `table/`."""

    dtype: str = setting(choices=("float16", "float32"))
    commit_rows: int = setting(at_least=1)
    commit_every_s: float = setting(above=0)
    index_min_rows: int = setting(at_least=256)
    keep_versions_h: float = setting(at_least=0)
    lease_s: float = setting(above=0)


@values_of("index.yaml", section="prices")
@dataclass
class PricesConfig:
    """Holds the prices of resources, for estimates; see `index/estimate.py`.

    In any currency.
    """

    cpu_h: float = setting(at_least=0)
    gpu_h: float = setting(at_least=0)
    gb_month: float = setting(at_least=0)
    gb_read: float = setting(at_least=0)
    currency: str = setting()


@values_of("export.yaml", section="split")
@dataclass
class SplitConfig:
    """Sets how videos are divided into train, val and test; see `export/split.py`."""

    column: str | None = setting()
    train: float = setting(at_least=0)
    val: float = setting(at_least=0)
    test: float = setting(at_least=0)
    seed: int = setting()

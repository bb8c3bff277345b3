"""Types and ranges of the settings of models and of the machines that run them."""

from dataclasses import dataclass

from trawl.config.checks import MISSING, PRECISIONS, setting


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
class ResourcesConfig:
    """How many actors run where; see `runtime/room.py`.

    None: as many as the machine or cluster has room for.
    """

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

"""Types and ranges of the settings of models and of the machines that run them."""

from dataclasses import dataclass

from trawl.config.checks import MISSING, PRECISIONS, setting
from trawl.config.values import values_of


@values_of("embedder/demo.yaml")
@dataclass
class EmbedderConfig:
    """Chooses the model that embeds; see `models/clip/openclip.py`."""

    kind: str = setting(MISSING, choices=("openclip", "fake"))
    model: str = MISSING
    weights: str | None = setting()
    aspect: str = setting(choices=("center_crop", "squash", "pad"))
    precision: str = setting(choices=PRECISIONS)
    device: str = setting()
    batch_size: int = setting(at_least=1)
    compile: bool = setting()


@values_of("resources/laptop.yaml")
@dataclass
class ResourcesConfig:
    """Sets how many actors run where; see `runtime/room.py`.

    None: as many as the machine or cluster has room for.
    """

    address: str | None = setting()
    decode_actors: int | None = setting(at_least=1)
    decode_cpus: float = setting(at_least=0)
    embed_actors: int | None = setting(at_least=1)
    embed_cpus: float = setting(at_least=0)
    embed_gpus: float = setting(at_least=0)
    embed_threads: int | None = setting(at_least=1)
    track_actors: int | None = setting(at_least=1)
    track_cpus: float = setting(at_least=0)
    track_gpus: float = setting(at_least=0)
    track_threads: int = setting(at_least=1)
    wait_s: float = setting(at_least=0)
    object_store_mb: int = setting(at_least=100)
    scratch: str | None = setting()


@values_of("grounder/clip.yaml")
@dataclass
class GrounderConfig:
    """Chooses the model that finds the named things on a frame; see `ground.py` and
    `models/grounders/`.
    """

    kind: str = setting(MISSING, choices=("clip", "owlv2", "grounding_dino", "fake"))
    model: str | None = setting()
    weights: str | None = setting()
    precision: str = setting(choices=PRECISIONS)
    device: str = setting()
    min_score: float = setting(at_least=0)
    max_objects: int = setting(at_least=1)
    max_candidates: int = setting(at_least=1)
    overlap: float = setting(above=0)
    level: float = setting(above=0)
    crop_weight: float = setting(at_least=0)
    contrast: list[str] | None = setting()


@values_of("tracker/sam2_tiny.yaml")
@dataclass
class TrackerConfig:
    """Chooses the model that follows them; see `models/sam2/trackers.py`."""

    kind: str = setting(MISSING, choices=("sam2", "fake"))
    model: str | None = setting()
    weights: str | None = setting()
    image_size: int | None = setting(at_least=64)
    precision: str = setting(choices=PRECISIONS)
    upsample: str = setting(choices=("bilinear", "guided"))
    device: str = setting()
    compile: bool = setting()
    cache_mb: int = setting(at_least=1)
    frame_batch: int = setting(at_least=1)
    object_batch: int = setting(at_least=1)

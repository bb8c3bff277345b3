"""Messages between the tracking job and its actors; plain records, importable without Ray or
models.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trawl.config.data import DecodeConfig, StorageConfig
from trawl.config.models import GrounderConfig
from trawl.config.steps import TrackingConfig
from trawl.records.tracking import Clip
from trawl.records.video import Reason
from trawl.track.tables import Lineage

if TYPE_CHECKING:
    from trawl.models.clip.weights import Blueprint
    from trawl.models.grounders import GrounderBlueprint
    from trawl.models.sam2.weights import TrackerBlueprint


@dataclass(frozen=True, slots=True)
class ReuseKeys:
    """12 hex digits each; the stages are those of `track/reuse/`."""

    detected: str
    propagated: str
    seen: str
    followed: str


@dataclass(frozen=True, slots=True)
class TrackModels:
    """All that a tracking actor is made of; crosses process borders.

    Two jobs with equal models may share their actors.
    """

    embedder: "Blueprint"
    grounder: "GrounderBlueprint"
    tracker: "TrackerBlueprint"
    device: str
    tracker_device: str
    threads: int
    gpus: float  # that Ray sets aside for each actor


@dataclass(frozen=True, slots=True)
class TrackJob:
    """Describes what a run does with every clip.

    reuse: Settings for cached stages, or None to disable caching.
    """

    run_id: str
    dataset: str
    storage: StorageConfig
    decode: DecodeConfig
    grounding: GrounderConfig
    tracking: TrackingConfig
    templates: str
    models: TrackModels
    lineage: Lineage
    scratch: str | None
    reuse: ReuseKeys | None


@dataclass(frozen=True, slots=True)
class TrackTask:
    """One clip of one run. uri: opens its video now; the clip's own, which is written down, may
    lack credentials.
    """

    job: TrackJob
    clip: Clip
    uri: str


@dataclass(frozen=True, slots=True)
class ClipDone:
    """Holds what a clip gave; its tables are written.

    best_score: the highest grounding score on any frame, kept or not.

    rows: objects on frames, those without a mask included; bytes_written: of its tables; video_s:
    seconds that its frames last.
    cpu_s: CPU seconds by part: decode, embed, ground, track, and other (all the rest of this
    process). wall_s: of this actor, by the same parts but decode, which runs beside it; waiting for
    pictures is in other. gpu_s: seconds in which a model had its share of a GPU at work.
    decoder_mb: peak memory of the decoding process. saved, made, saved_cpu_s: as in
    `track/reuse/shelf.py`; empty in a run that reuses nothing.
    """

    frames: int
    tracks: int
    masks: int
    rows: int
    bytes_written: int
    video_s: float
    flags: Counter[str]
    best_score: float
    damage: str
    gpu_s: float = 0.0
    decoder_mb: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    wall_s: dict[str, float] = field(default_factory=dict)
    saved: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    saved_cpu_s: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClipRefused:
    """A clip that could not be tracked.

    An answer and no exception: a bad clip is nothing unusual.
    """

    reason: Reason
    message: str

"""Types and ranges of the settings of steps: search, tracking, evaluation, reports."""

from dataclasses import dataclass, field

from trawl.config.checks import setting
from trawl.config.values import values_of


@values_of("track.yaml", section="search")
@dataclass
class SearchConfig:
    """Sets how a text becomes segments; see `search.py` and `query/segments.py`."""

    templates: str = setting()
    frames: int = setting(at_least=1)
    segments: int = setting(at_least=1)
    per_video: int = setting(at_least=1)
    min_score: float | None = setting()
    cut: float = setting(above=0)
    bridge_s: float = setting(at_least=0)
    pad_s: float = setting(at_least=0)
    refine_factor: int = setting(at_least=1)
    nprobes: int = setting(at_least=1)
    where: str | None = setting()


@values_of("query.yaml", section="report")
@dataclass
class ReportConfig:
    """Sets how much a contact sheet shows."""

    thumbnails: int = setting(at_least=0)
    thumbnail_width: int = setting(at_least=32)


@values_of("track.yaml", section="tracking.refine")
@dataclass
class RefineConfig:
    """Sets how masks are cleaned; see `track/refine.py`."""

    fill_holes: float = setting(at_least=0)
    drop_parts: float = setting(at_least=0)
    smooth_contour: float = setting(at_least=0)
    smooth_frames: int = setting(at_least=1)


@values_of("track.yaml", section="tracking.motion")
@dataclass
class MotionConfig:
    """Sets how a track moves through gaps, and when it is doubted; see `track/motion.py` and
    `track/doubts.py`.
    """

    noise: float = setting(above=0)
    drift: float = setting(above=0)
    speed_s: float = setting(above=0)
    still: float = setting(at_least=0)
    recent_s: float = setting(above=0)
    occluded: float = setting(at_least=0)
    area_jump: float = setting(at_least=1)
    max_speed: float = setting(above=0)
    low_score: float = setting(at_least=0)
    border: float = setting(at_least=0)
    appearance_cosine: float = setting()
    switch_cosine: float = setting()
    switch_sigmas: float = setting(above=0)


@values_of("track.yaml", section="tracking")
@dataclass
class TrackingConfig:
    """Sets how objects are followed through a clip; see `track/`."""

    max_fps: float | None = setting(above=0)
    max_side: int | None = setting(at_least=32)
    chunk_s: float = setting(above=0)
    chunk_frames: int = setting(at_least=2)
    chunk_pixels: int = setting(at_least=1)
    overlap: int = setting(at_least=1)
    reground_s: float = setting(above=0)
    new_score: float = setting(at_least=0)
    min_support: float = setting(at_least=0)
    match_iou: float = setting(above=0)
    new_inside: float = setting(above=0)
    same_iou: float = setting(above=0)
    max_age_s: float = setting(at_least=0)
    max_lost: int = setting(at_least=0)
    gate_sigmas: float = setting(above=0)
    same_cosine: float = setting()
    look_every_s: float = setting(above=0)
    look_margin: float = setting(at_least=0)
    overlaps: str = setting(choices=("keep", "score"))
    refine: RefineConfig = field(default_factory=RefineConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)


@values_of("track.yaml", section="cache")
@dataclass
class CacheConfig:
    """Sets how long reusable results are kept; see `track/reuse/`."""

    max_age_d: float = setting(at_least=0)
    max_gb: float = setting(at_least=0)


@values_of("evaluate.yaml", section="evaluation")
@dataclass
class EvaluationConfig:
    """Chooses what is measured, and when an object counts; see `evaluate/`."""

    measure: list[str] = setting()
    objective: str = setting()
    min_visibility: float = setting(at_least=0)
    min_share: float = setting(at_least=0)
    match_iou: float = setting(above=0)
    min_score: float = setting(at_least=0)
    worst: int = setting(at_least=0)
    rerank: int = setting(at_least=0)
    robustness: list[str] = setting()


@values_of("report.yaml", section="report")
@dataclass
class PageConfig:
    """Sets how much the page of a tracking run shows; see `report/page.py`."""

    clips: int = setting(at_least=0)
    order: str = setting(choices=("best", "doubtful"))
    doubtful: int = setting(at_least=0)
    side: int = setting(at_least=64)
    tail_s: float = setting(at_least=0)

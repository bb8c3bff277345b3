"""Types and ranges of the settings of steps: search, tracking, evaluation, reports."""

from dataclasses import dataclass, field

from trawl.config.checks import setting


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
class RefineConfig:
    """How masks are cleaned; see `track/refine.py`."""

    fill_holes: float = setting(0.0, at_least=0)
    drop_parts: float = setting(0.0, at_least=0)
    smooth_contour: float = setting(0.0, at_least=0)
    smooth_frames: int = setting(1, at_least=1)


@dataclass
class MotionConfig:
    """How a track moves through gaps, and when it is doubted; see `track/motion.py` and
    `track/doubts.py`.
    """

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
class CacheConfig:
    """How long what runs may reuse is kept; see `track/reuse/`."""

    max_age_d: float = setting(30.0, at_least=0)
    max_gb: float = setting(20.0, at_least=0)


@dataclass
class EvaluationConfig:
    """What is measured, and when a thing counts; see `evaluate/`."""

    measure: list[str] = field(
        default_factory=lambda: ["retrieval", "masks", "tracking", "end_to_end", "cost"]
    )
    objective: str = "hota_masks"
    min_visibility: float = setting(0.3, at_least=0)
    min_share: float = setting(0.1, at_least=0)
    match_iou: float = setting(0.1, above=0)
    min_score: float = setting(0.0, at_least=0)
    worst: int = setting(12, at_least=0)
    rerank: int = setting(0, at_least=0)
    robustness: list[str] = field(default_factory=list)


@dataclass
class PageConfig:
    """How much the page of a tracking run shows; see `report/page.py`."""

    clips: int = setting(20, at_least=0)
    order: str = setting("best", choices=("best", "doubtful"))
    doubtful: int = setting(10, at_least=0)
    side: int = setting(640, at_least=64)
    tail_s: float = setting(2.0, at_least=0)

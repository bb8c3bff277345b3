"""Small synthetic runs, written by the product's own writer, for tests of what reads them."""

from collections.abc import Sequence

import numpy as np

from trawl import masks
from trawl.records.tracking import Clip, Flag, MaskRow, Target, Track, Visibility
from trawl.track.tables import Lineage

LINEAGE = Lineage("recipe000001", "clip/x@11", "clip-grounder/x@22", "sam2/x@33", "c0ffee")
FPS = 10.0
RUN = "20261121T090000Z-aaaaaa"


def clip(
    clip_id: str,
    video_id: str = "cam1/a.mp4",
    texts: Sequence[str] = ("a red star",),
    start_s: float = 0.0,
) -> Clip:
    targets = tuple(Target(text, 0.25 + 0.01 * n, start_s + 0.5) for n, text in enumerate(texts))
    return Clip(
        clip_id,
        video_id,
        f"/videos/{video_id}",
        f"print-{video_id}",
        start_s,
        start_s + 2.0,
        targets,
    )


def row(
    frame_index: int, mask: np.ndarray | None, score: float = 0.9, flags: tuple[Flag, ...] = ()
) -> MaskRow:
    """A visible row of `mask` (H, W) bool; an inferred one for None."""
    if mask is None:
        return MaskRow(
            frame_index,
            frame_index / FPS,
            (1.0, 2.0, 5.0, 6.0),
            0,
            score,
            Visibility.INFERRED,
            None,
            flags,
        )
    box = tuple(float(side) for side in masks.bounding_box(mask))
    return MaskRow(
        frame_index,
        frame_index / FPS,
        box,
        int(mask.sum()),
        score,
        Visibility.VISIBLE,
        masks.encode(mask),
        flags,
    )


def track(
    number: int, rows: Sequence[MaskRow], size: tuple[int, int], phrase: str = "a red star", **more
) -> Track:
    """size: height and width of the masks."""
    return Track(number, phrase, 0.6, *size, tuple(rows), np.array([0.6, 0.8], np.float32), **more)


def square(size: tuple[int, int], left: int, top: int, side: int) -> np.ndarray:
    mask = np.zeros(size, np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask

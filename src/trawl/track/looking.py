"""Selects the frames of a chunk to look at: to search for named things, and to see what a followed
one looks like.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from trawl import geometry
from trawl.config.steps import TrackingConfig
from trawl.records.arrays import Embeddings, Frames, Times
from trawl.records.tracking import ClipFrames, MaskRow, Target
from trawl.track.masklet import Masklet

Crop = NDArray[np.uint8]  # (h, w, 3) RGB of any size, at least 1 x 1
EmbedCrops = Callable[[Sequence[Crop]], Embeddings]  # N crops -> (N, D) float32, unit length


def on_grid(times: Times, start_s: float, every_s: float) -> NDArray[np.bool_]:
    """(T,) bool: the first frame of every step of `every_s` since `start_s`; of the given frames,
    the first is never one unless it starts the grid. Anchored to the clip, so that it does not
    depend on where chunks begin.
    """
    steps = np.floor((times - start_s) / every_s + 1e-6)
    return np.append(times[:1] <= start_s, steps[1:] > steps[:-1])


def grounding_positions(
    chunk: ClipFrames,
    known: int,
    start_s: float,
    targets: Sequence[Target],
    is_live: bool,
    config: TrackingConfig,
) -> list[int]:
    """Positions in the chunk on which to search, increasing.

    The frames that retrieval scored best, every `config.reground_s`, the first new one if nothing
    is being followed, and the last: what enters after the grid's last frame is then found while its
    beginning can still be followed backward.

    Args:
        known: leading frames that the chunk before had too, and searched.
        start_s: time of the clip's first frame.
        is_live: something is being followed into this chunk.
    """
    wanted = on_grid(chunk.time_s, start_s, config.reground_s)
    best = (
        np.searchsorted(
            chunk.time_s, [target.best_time_s + 1e-6 for target in targets], side="right"
        )
        - 1
    )
    wanted[np.clip(best, 0, len(chunk) - 1)] = True
    wanted[-1] = True
    wanted[:known] = False
    if not is_live and known < len(chunk):
        wanted[known] = True
    return [int(n) for n in np.flatnonzero(wanted)]


def take_looks(
    masklets: Sequence[Masklet],
    chunk: ClipFrames,
    known: int,
    start_s: float,
    embed_crops: EmbedCrops,
    config: TrackingConfig,
) -> None:
    """Embed what each masklet looks like every `config.look_every_s` of the chunk, and at least
    once, on its best row.

    known: leading frames that the chunk before had too, and looked at. start_s: time of the clip's
    first frame.
    """
    is_due = on_grid(chunk.time_s, start_s, config.look_every_s)
    grid = set(chunk.frame_index[known:][is_due[known:]].tolist())
    wanted = [(one, row) for one in masklets for row in _rows_to_see(one, grid)]
    if not wanted:
        return
    place = {int(index): n for n, index in enumerate(chunk.frame_index)}
    crops = [
        cut_out(chunk.frames[place[row.frame_index]], row, config.look_margin) for _, row in wanted
    ]
    for (one, row), look in zip(wanted, embed_crops(crops), strict=True):
        one.looks[row.frame_index] = look


def _rows_to_see(one: Masklet, grid: set[int]) -> list[MaskRow]:
    rows = [row for index, row in one.rows.items() if index in grid]
    if not rows and one.rows:
        rows = [max(one.rows.values(), key=lambda row: (row.score, row.area))]
    return rows


def cut_out(frame: Frames, row: MaskRow, margin: float) -> Crop:
    """Cut the row's box, `margin` of its sides wider, out of a picture (H, W, 3)."""
    left, top, right, bottom = geometry.crop([row.box], margin, *frame.shape[:2])[0]
    return np.ascontiguousarray(frame[top:bottom, left:right])

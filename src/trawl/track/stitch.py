"""Joins new masklets to earlier objects: identity over chunk borders and over gaps.

Where two share frames masks decide, as on the overlap of two chunks. Over a gap the place decides,
as a constant-velocity Kalman filter expects it, and the look, as CLIP embeds it: both must agree,
and ends are joined to beginnings one to one at the least total cost.
"""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from trawl.config.steps import TrackingConfig
from trawl.records.tracking import MaskRow
from trawl.track import duplicates, kalman
from trawl.track.assign import one_to_one
from trawl.track.masklet import Masklet

Size = tuple[int, int]  # height, width in pixels


def link(
    masklets: Mapping[int, Masklet], new: Collection[int], size: Size, config: TrackingConfig
) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of which the later is the earlier going on, in order of the later's
    beginning.

    At least one of each pair is `new`; known ones were compared when they were. Each has at most
    one that follows it and one that it follows.
    """
    if not new:
        return []
    spans = {key: (one.first, one.last) for key, one in masklets.items()}
    keys = sorted(masklets, key=lambda key: spans[key][0].frame_index)
    cost = np.full((len(keys), len(keys)), np.inf)
    for i, earlier in enumerate(keys):
        for j, later in enumerate(keys):
            if (earlier in new or later in new) and _in_turn(spans[earlier], spans[later]):
                if spans[later][0].frame_index <= spans[earlier][1].frame_index:
                    cost[i, j] = _cost_together(masklets[earlier], masklets[later], size, config)
                elif spans[later][0].time_s - spans[earlier][1].time_s <= config.max_age_s:
                    cost[i, j] = _cost_apart(masklets[earlier], masklets[later], size, config)
    return sorted(
        ((keys[i], keys[j]) for i, j in one_to_one(cost)),
        key=lambda pair: spans[pair[1]][0].frame_index,
    )


def _in_turn(earlier: tuple[MaskRow, MaskRow], later: tuple[MaskRow, MaskRow]) -> bool:
    """Whether the later begins and ends later.

    One within the other was compared with it when it was found.
    """
    return all(a.frame_index < b.frame_index for a, b in zip(earlier, later, strict=True))


def _cost_together(earlier: Masklet, later: Masklet, size: Size, config: TrackingConfig) -> float:
    """0 for the same pixels on the frames that both have, 1 at `config.same_iou`; infinite beyond
    that.
    """
    common = duplicates.shared_frames(earlier.rows, later.rows, size)
    overlap = float(np.mean(list(common.values()))) if common else 0.0
    return (1 - overlap) / max(1 - config.same_iou, 1e-6) if overlap >= config.same_iou else np.inf


def _cost_apart(earlier: Masklet, later: Masklet, size: Size, config: TrackingConfig) -> float:
    """0-1, the mean of how far place and look are from agreeing, in terms of what is allowed;
    infinite beyond that.
    """
    away = _sigmas(earlier, later, size, config) / config.gate_sigmas
    unlike = _unlikeness(earlier.appearance(), later.appearance(), config)
    return (away + unlike) / 2 if away <= 1 and unlike <= 1 else np.inf


def _sigmas(earlier: Masklet, later: Masklet, size: Size, config: TrackingConfig) -> float:
    """Return how far from its expected place the later one begins, in standard deviations."""
    motion = config.motion
    state = kalman.of_rows(earlier.in_order(), motion.noise, motion.drift)
    start = later.first
    expected, variance = state.predict(start.time_s)
    height, width = size
    inside = np.clip(expected, 0, [width, height])  # what left the picture comes back at its border
    return float(np.hypot(*(kalman.centre(start) - inside))) / float(np.sqrt(variance))


def _unlikeness(a: NDArray[np.float32], b: NDArray[np.float32], config: TrackingConfig) -> float:
    """0 for the same look, 1 at `config.same_cosine`; 0 where no looks were taken."""
    if not len(a) or not len(b):
        return 0.0
    return (1 - float(a @ b)) / max(1 - config.same_cosine, 1e-6)

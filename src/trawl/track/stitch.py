"""Which newly found masklets are objects that were known before: identity over chunk borders and over gaps.

On the overlap of two chunks masks decide. Over a gap the place decides, as a constant-velocity Kalman filter expects it,
and the look, as CLIP embeds it: both must agree, and ends are joined to beginnings one to one at the least total cost.
"""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from trawl.config import TrackingConfig
from trawl.track import duplicates, kalman
from trawl.track.assign import one_to_one
from trawl.track.masklet import Masklet

Size = tuple[int, int]  # height, width in pixels


def on_overlap(
    known: Mapping[int, Masklet], new: Mapping[int, Masklet], size: Size, config: TrackingConfig
) -> dict[int, int]:
    """New masklets that cover a known one's pixels where that ends: {new: known}, one to one."""
    keys, news = list(known), list(new)
    ends = {key: max(known[key].rows) for key in keys} if news else {}
    cost = np.full((len(news), len(keys)), np.inf)
    for n, one in enumerate(news):
        for k, other in enumerate(keys):
            if ends[other] in new[one].rows:
                common = duplicates.shared_frames(known[other].rows, new[one].rows, size)
                overlap = float(np.mean(list(common.values())))
                cost[n, k] = 1 - overlap if overlap >= config.same_iou else np.inf
    return {news[n]: keys[k] for n, k in one_to_one(cost)}


def over_gaps(
    masklets: Mapping[int, Masklet], new: Collection[int], size: Size, config: TrackingConfig
) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of which the later is the earlier come back, in order of the later's beginning.

    At least one of each pair is `new`; known ones were compared when they were. Each has at most one that follows it and
    one that it follows.
    """
    if not new:
        return []
    first = {key: one.first for key, one in masklets.items()}
    last = {key: one.last for key, one in masklets.items()}
    keys = sorted(masklets, key=lambda key: first[key].frame_index)
    cost = np.full((len(keys), len(keys)), np.inf)
    for i, earlier in enumerate(keys):
        for j, later in enumerate(keys):
            is_after = last[earlier].frame_index < first[later].frame_index
            gap_s = first[later].time_s - last[earlier].time_s
            if is_after and gap_s <= config.max_age_s and (earlier in new or later in new):
                cost[i, j] = _cost(masklets[earlier], masklets[later], size, config)
    return sorted(((keys[i], keys[j]) for i, j in one_to_one(cost)), key=lambda pair: first[pair[1]].frame_index)


def _cost(earlier: Masklet, later: Masklet, size: Size, config: TrackingConfig) -> float:
    """0-1, the mean of how far place and look are from agreeing, in terms of what is allowed; infinite beyond that."""
    away = _sigmas(earlier, later, size, config) / config.gate_sigmas
    unlike = _unlikeness(earlier.appearance(), later.appearance(), config)
    return (away + unlike) / 2 if away <= 1 and unlike <= 1 else np.inf


def _sigmas(earlier: Masklet, later: Masklet, size: Size, config: TrackingConfig) -> float:
    """How far from where it is expected the later begins, in standard deviations."""
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

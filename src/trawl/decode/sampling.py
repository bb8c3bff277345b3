"""Chooses the frames of a video that are embedded.

A policy is a word in `PLANNED`, mapped to a function of times and keyframes.

    interval    a frame every `every_s`
    keyframes   the encoder's keyframes, at least `every_s` apart, with others between where they
                are more than `max_gap_s` apart
    scenes      `frames_per_shot` frames of each shot: see `shots.py`; it must look at every
                picture, so it cannot be planned

All go by true presentation times, never by a nominal rate, and all take the video's first frame or
first shot. Knows nothing of decoding. A span takes the frames of the whole video's plan that lie in
it, so that spans add up exactly.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trawl.config.data import SamplingConfig
from trawl.records.arrays import Indices, Times

Span = tuple[float, float]  # [start_s, end_s)

_ROUNDING_S = 1e-3  # Matroska and FLV round times to a millisecond


def interval(times_s: Times, keyframe: NDArray[np.bool_], config: SamplingConfig) -> Indices:
    """The first frame at or after each multiple of `every_s`, counted from the first frame.

    >>> interval(np.arange(10) / 10, np.ones(10, bool), SamplingConfig("interval", every_s=0.3)).tolist()
    [0, 3, 6, 9]
    """
    steps = np.floor((times_s - times_s[:1] + _ROUNDING_S) / config.every_s)
    return np.flatnonzero(np.diff(steps, prepend=-1) > 0)


def keyframes(times_s: Times, keyframe: NDArray[np.bool_], config: SamplingConfig) -> Indices:
    """Keyframes at least `every_s` apart; a longer stretch than `max_gap_s` without one is divided
    evenly.

    >>> times = np.arange(100) / 10
    >>> keyframes(times, times == 0, SamplingConfig("keyframes", max_gap_s=4)).tolist()
    [0, 33, 66]
    """
    # the first picture stands in for a missing keyframe
    places = np.union1d(np.flatnonzero(keyframe), [0])
    chosen = [0]
    for place in places[1:]:
        if times_s[place] - times_s[chosen[-1]] + _ROUNDING_S >= config.every_s:
            chosen.append(int(place))
    return np.union1d(
        chosen, _between(times_s, np.array(chosen), max(config.max_gap_s, config.every_s))
    )


def _between(times_s: Times, chosen: Indices, gap_s: float) -> Indices:
    edges_s = np.append(times_s[chosen], times_s[-1])
    parts = np.ceil((np.diff(edges_s) - _ROUNDING_S) / gap_s).astype(int)
    targets_s = [
        np.linspace(a, b, n + 1)[1:-1] for a, b, n in zip(edges_s[:-1], edges_s[1:], parts) if n > 1
    ]
    wanted_s = np.concatenate([np.empty(0), *targets_s])
    return np.searchsorted(times_s, wanted_s - _ROUNDING_S)


PLANNED: dict[str, Callable[[Times, NDArray[np.bool_], SamplingConfig], Indices]] = {
    "interval": interval,
    "keyframes": keyframes,
}


# The settings that each policy reads.
READS = {
    "interval": ("every_s",),
    "keyframes": ("every_s", "max_gap_s"),
    "scenes": ("scene_threshold", "frames_per_shot", "max_gap_s"),
}


def what_counts(config: SamplingConfig) -> SamplingConfig:
    """The same frames of every video, and equal for settings that differ only in what their policy
    does not read.

    >>> what_counts(SamplingConfig("interval", every_s=2.0, max_gap_s=9.0))
    SamplingConfig(policy='interval', every_s=2.0, scene_threshold=27.0, frames_per_shot=1, max_gap_s=5.0)
    """
    return SamplingConfig(
        config.policy, **{name: getattr(config, name) for name in READS[config.policy]}
    )


def inside(times_s: Times, span: Span | None) -> NDArray[np.bool_]:
    """(T,) bool: which times a span holds. None is the whole video."""
    if span is None:
        return np.ones(len(times_s), np.bool_)
    return (times_s >= span[0]) & (times_s < span[1])


def plan(
    times_s: Times, keyframe: NDArray[np.bool_], config: SamplingConfig, span: Span | None = None
) -> Indices:
    """(N,) int64 increasing frame_index: what a planned policy takes of a video, or of one span of
    it.
    """
    chosen = PLANNED[config.policy](times_s, keyframe, config).astype(np.int64)
    return chosen[inside(times_s[chosen], span)]

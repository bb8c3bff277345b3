"""Cuts a long video into spans that several workers decode beside each other.

Pure arithmetic on a probe, so that every worker that probes the same file finds the same spans.
"""

import math
from itertools import pairwise

from trawl.config.data import SamplingConfig
from trawl.records.video import Probe

Span = tuple[float, float]


def divisible(sampling: SamplingConfig) -> bool:
    """Whether a video may be decoded in parts: not where shots are numbered, for which all of it
    must be seen.
    """
    return sampling.policy != "scenes"


def spans(probe: Probe, span_s: float) -> list[Span]:
    """[start_s, end_s) of each part, covering every presentation time exactly once.

    The first starts at -inf and the last ends at +inf, so that no rounding can lose a frame at
    either end.

    Args:
        probe: of the whole video.
        span_s: seconds that a part spans at most.

    >>> import numpy as np
    >>> probe = Probe("mp4", "h264", 64, 64, 0, 1.0, 25.0, np.arange(25.0), np.ones(25, bool))
    >>> spans(probe, 10.0)
    [(-inf, 10.0), (10.0, 20.0), (20.0, inf)]
    """
    first, last = float(probe.times_s[0]), float(probe.times_s[-1])
    count = max(1, math.floor((last - first) / span_s) + 1)
    cuts = [-math.inf, *(first + span_s * i for i in range(1, count)), math.inf]
    return list(pairwise(cuts))

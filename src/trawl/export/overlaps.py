"""One object a pixel, for the formats that allow no more.

Where masks overlap, the higher score has the pixel.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trawl import masks
from trawl.export.stretch import Instance

Labels = NDArray[np.int32]  # (H, W), an object's number, 0 where there is none


def flatten(instances: Sequence[Instance], height: int, width: int) -> tuple[Labels, Counter[str]]:
    """The objects of one frame as one picture of their numbers.

    Equal scores go by the number, the lower first.

    Returns:
        labels, and what it cost: "overlap_frames" (1 if anything overlapped), "overlap_pixels"
        (that objects had and lost), "trimmed" and "hidden" (objects that lost some or all of
        theirs).
    """
    labels, had = np.zeros((height, width), np.int32), {}
    for one in sorted(instances, key=lambda one: (one.score, -one.number)):
        assert one.rle is not None
        mask = masks.decode(one.rle, height, width)
        labels[mask], had[one.number] = one.number, int(np.count_nonzero(mask))
    left = np.bincount(labels.ravel(), minlength=max(had, default=0) + 1)
    lost = {number: pixels - int(left[number]) for number, pixels in had.items()}
    cost = Counter(
        overlap_frames=int(any(lost.values())),
        overlap_pixels=sum(lost.values()),
        trimmed=sum(1 for number, pixels in lost.items() if pixels and left[number]),
        hidden=sum(1 for number, pixels in lost.items() if pixels and not left[number]),
    )
    return labels, +cost

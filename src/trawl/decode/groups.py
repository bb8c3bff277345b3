"""Groups of pictures, worked out from packets alone: what a picture needs, and what a bad packet
spoils.

A group runs from a keyframe to the packet before the next one, in decode order. A "leading" picture
is stored behind a keyframe and shown before it: it may also need the group before (an open group).
Knows nothing of any decoder.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trawl.records.arrays import Indices


class Groups:
    """The groups of one stream.

    pts, position, keyframe: (P,) per packet in decode order, as in `probe.Scan`.
    """

    def __init__(self, pts: Indices, position: Indices, keyframe: NDArray[np.bool_]) -> None:
        self._position = position
        self._group = np.maximum(np.cumsum(keyframe) - 1, 0)
        self._starts = np.searchsorted(self._group, np.arange(self._group[-1] + 1))
        self._leading = pts < pts[self._starts][self._group]
        self._bad: dict[int, int] = {}

    def needed(self, wanted: Indices) -> NDArray[np.bool_]:
        """(P,) bool: the packets without which the pictures `wanted` (N,) frame_index cannot be
        decoded.
        """
        place = np.arange(len(self._position))
        is_wanted = np.isin(self._position, wanted) & (self._position >= 0)
        last = np.full(len(self._starts), -1)
        np.maximum.at(last, self._group[is_wanted], place[is_wanted])
        behind = np.unique(self._group[is_wanted & self._leading])
        behind = behind[behind > 0]
        ends = np.append(self._starts[1:], len(place)) - 1
        last[behind - 1] = ends[behind - 1]
        # Without the group before, leading pictures cannot be decoded, and a decoder would take
        # them for damage.
        broken = np.append(False, last[:-1] < ends[:-1])
        needed: NDArray[np.bool_] = (place <= last[self._group]) & ~(
            self._leading & broken[self._group]
        )
        return needed

    @cached_property
    def settled_by(self) -> Indices:
        """(P,) the frame_index whose coming out means that all packets up to this one have had
        their say.
        """
        return np.maximum.accumulate(self._position)

    def spoil(self, place: int) -> None:
        """The packet at `place` is bad, and so is what was decoded from it."""
        group = int(self._group[place])
        self._bad[group] = min(place, self._bad.get(group, place))

    def is_spoilt(self, place: int) -> bool:
        """Whether the picture of the packet at `place` may have been decoded from a bad packet."""
        group = int(self._group[place])
        if place >= self._bad.get(group, len(self._position)):
            return True
        return bool(self._leading[place]) and group - 1 in self._bad

"""The "scenes" policy: find the shots of a video while it is decoded, and take a few pictures of
each.

Cuts come from PySceneDetect's ContentDetector, fed with small pictures of our own, so that the
decoder's safety and times stay ours. It has to see every picture, in order. A shot longer than
`max_gap_s` is sampled in pieces of that length, so that a long take is not one point, and memory
does not grow with it. Traded away: where in its piece a picture is taken is exact only to an eighth
of the piece's length, because pictures are chosen in one pass, before the end is known.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from trawl.config.data import SamplingConfig
from trawl.records.arrays import Times

_WIDTH = 160  # pixels of the small picture
_MIN_SHOT_S = 0.5  # cuts closer than this are flashes
_CANDIDATES = 8  # pictures kept per picture taken

T = TypeVar("T")


class Decoded(Protocol):
    """A picture, whoever decoded it."""

    @property
    def frame_index(self) -> int:
        """Its place in the video."""

    @property
    def suspect(self) -> bool:
        """Whether it was decoded from damaged data."""

    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) as displayed."""

    def small(self, width: int) -> NDArray[np.uint8]:
        """(h, width, 3) BGR, the aspect kept."""


class Spread(Generic[T]):
    """Keeps items spread evenly over a stream of unknown length: every 1st, then every 2nd, 4th ...
    as it grows.

    >>> spread = Spread(4)
    >>> for item in range(20): spread.add(item)
    >>> spread.take(2)
    [0, 8]
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = max(capacity, 2)
        self._stride = 1
        self._count = 0
        self._items: list[T] = []

    def add(self, item: T) -> None:
        """Offer the next item of the stream."""
        if self._count % self._stride == 0:
            if len(self._items) == self._capacity:
                self._items = self._items[::2]
                self._stride *= 2
            if self._count % self._stride == 0:
                self._items.append(item)
        self._count += 1

    def __len__(self) -> int:
        return len(self._items)

    def take(self, number: int) -> list[T]:
        """At most `number` items: of that many equal parts of the stream, the last one kept that is
        not past the middle.
        """
        middles = [(2 * part + 1) * self._count / (2 * number) for part in range(number)]
        places = {min(int(middle / self._stride), len(self._items) - 1) for middle in middles}
        return [self._items[place] for place in sorted(places)]


def sample_shots(
    pictures: Iterator[Decoded], times_s: Times, config: SamplingConfig
) -> Iterator[tuple[Decoded, int]]:
    """(picture, shot) of the pictures taken, in order; shot counts from 0.

    pictures: all of the video that decode, in order.
    """
    cuts = _Cuts(config.scene_threshold)
    piece: Spread[Decoded] = Spread(_CANDIDATES * config.frames_per_shot)
    shot, began_s, started = 0, 0.0, False
    for one in pictures:
        time_s = float(times_s[one.frame_index])
        cut = cuts.is_cut(one, time_s)
        if started and (cut or time_s - began_s >= config.max_gap_s):
            yield from ((taken, shot) for taken in piece.take(config.frames_per_shot))
            piece = Spread(_CANDIDATES * config.frames_per_shot)
            shot += cut
            started = False
        if not started:
            began_s, started = time_s, True
        piece.add(one)
    if started:
        yield from ((taken, shot) for taken in piece.take(config.frames_per_shot))


class _Cuts:
    """PySceneDetect's ContentDetector over pictures of ours."""

    def __init__(self, threshold: float) -> None:
        from scenedetect import FrameTimecode
        from scenedetect.detector import FlashFilter
        from scenedetect.detectors import ContentDetector

        self._timecode = FrameTimecode
        self._first_s: float | None = None
        self._detector = ContentDetector(
            threshold=threshold, min_scene_len=_MIN_SHOT_S, filter_mode=FlashFilter.Mode.SUPPRESS
        )

    def is_cut(self, one: Decoded, time_s: float) -> bool:
        """Whether this picture is the first of a new shot."""
        if self._first_s is None:
            self._first_s = time_s
        # it knows no times below zero
        at = self._timecode(max(0.0, time_s - self._first_s), fps=Fraction(1000))
        return bool(self._detector.process_frame(at, one.small(_WIDTH)))

"""From a stream of pictures to overlapping chunks, one at a time, so that memory does not grow with
the clip.

Pictures are copied once, into the buffer that becomes the chunk. A chunk ends when it lasts
`chunk_s` or holds as many frames or pixels as allowed; it is handed on only when enough has
followed that the next one is worth a tracker's session, so that the last chunk is never a stub.
Traded away: at most a quarter of a chunk waits beside the one in work.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trawl.config.steps import TrackingConfig
from trawl.records.tracking import ClipFrames

Columns = tuple[tuple[NDArray[Any], NDArray[Any]], ...]  # (where to, where from)


def overlapping(batches: Iterable[ClipFrames], config: TrackingConfig) -> Iterator[ClipFrames]:
    """Chunks in order, each beginning with the last `config.overlap` frames of the one before; no
    batches, no chunks.

    Drop a chunk before asking for the next: then one is held at a time.

    Args:
        batches: consecutive pictures of one size, cut anyhow; empty ones are passed over.
        config: `chunk_s`, `chunk_frames`, `chunk_pixels` and `overlap` are read here. A chunk has
            at least 2 x overlap + 2 frames where the clip has, whatever the limits.

    Raises:
        ValueError: the pictures' size changes.
    """
    buffer: _Buffer | None = None
    for batch in batches:
        start = 0
        while start < len(batch):
            buffer = buffer or _Buffer(batch, config)
            start += buffer.put(batch, start)
            if buffer.is_full:
                yield buffer.take(buffer.whole)
        del batch  # or its pictures live on while the next are decoded
    while buffer is not None and buffer.pending:
        yield buffer.take(buffer.rest)


def halves(chunk: ClipFrames, overlap: int) -> list[ClipFrames]:
    """A chunk as two with `overlap` frames in common, or as it is where halves would be mostly
    overlap. Views, not copies.
    """
    size = (len(chunk) + overlap + 1) // 2
    if size >= len(chunk) or size <= 2 * overlap:
        return [chunk]
    return [_part(chunk, 0, size), _part(chunk, size - overlap, len(chunk))]


def _part(chunk: ClipFrames, start: int, stop: int) -> ClipFrames:
    return ClipFrames(
        chunk.frames[start:stop], chunk.frame_index[start:stop], chunk.time_s[start:stop]
    )


class _Buffer:
    """Holds frames that have come and are not handed on: up to a chunk and a quarter, beginning
    with the overlap of the chunk before.
    """

    def __init__(self, first: ClipFrames, config: TrackingConfig) -> None:
        self._shape = first.frames.shape[1:]
        self._overlap, self._chunk_s = config.overlap, config.chunk_s
        self._least = 2 * config.overlap + 2
        by_pixels = config.chunk_pixels // max(self._shape[0] * self._shape[1], 1)
        self._limit = max(self._least, min(config.chunk_frames, by_pixels))
        self._known = 0  # leading frames that the chunk before had too
        self._count = 0
        self._allocate()

    def _allocate(self) -> None:
        capacity = self._limit + max(self._overlap + 1, self._limit // 4)
        # the system gives pages only as they are filled
        self._frames = np.empty((capacity, *self._shape), np.uint8)
        self._index = np.empty(capacity, np.int64)
        self._times = np.empty(capacity, np.float64)

    def put(self, batch: ClipFrames, start: int) -> int:
        """Copy frames of the batch from `start` on, as many as there is room for.

        Returns how many: none only of none.
        """
        if batch.frames.shape[1:] != self._shape:
            raise ValueError(
                f"pictures of {batch.frames.shape[1:]} follow pictures of {self._shape}"
            )
        n = min(len(batch) - start, len(self._frames) - self._count)
        for target, source in self._columns(batch):
            target[self._count : self._count + n] = source[start : start + n]
        self._count += n
        return n

    def _columns(self, batch: ClipFrames) -> Columns:
        return (
            (self._frames, batch.frames),
            (self._index, batch.frame_index),
            (self._times, batch.time_s),
        )

    @property
    def whole(self) -> int:
        """Frames of the next chunk if enough follows."""
        times = self._times[: self._count]
        lasting = int(np.searchsorted(times, times[0] + self._chunk_s - 1e-9)) if self._count else 0
        return int(min(max(lasting, self._least), self._limit))

    @property
    def is_full(self) -> bool:
        return self._count >= self.whole + max(self._overlap + 1, self.whole // 4)

    @property
    def rest(self) -> int:
        """Frames of the next chunk when no more come: all that are left, or half of them where that
        is too many.
        """
        return self._count if self._count <= self.whole else (self._count + self._overlap + 1) // 2

    @property
    def pending(self) -> bool:
        """Whether there are frames that no chunk has had."""
        return self._count > self._known

    def take(self, n: int) -> ClipFrames:
        """The first n frames; what follows them, and the overlap, stays."""
        held = ClipFrames(self._frames, self._index, self._times)
        left = _part(held, max(n - self._overlap, 0), self._count)
        self._known = n - max(n - self._overlap, 0)
        self._count = 0
        self._allocate()
        self.put(left, 0)
        return _part(held, 0, n)

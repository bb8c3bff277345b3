"""A tracker that follows no object twice through the same pictures from the same prompt.

What it does not know it asks of the tracker inside, each object by a call of its own, all of them frame by frame together so
that a frame's features serve them all.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trawl import masks
from trawl.masks import Mask
from trawl.models.protocols import Session, Tracker
from trawl.records.arrays import Frames
from trawl.records.tracking import Prompt, TrackedFrame
from trawl.track.reuse import digests
from trawl.track.reuse.shelf import Row, Shelf
from trawl.track.reuse.tally import Tally


@dataclass(frozen=True, slots=True)
class _Seen:
    """One object on one frame."""

    position: int
    mask: Mask
    score: np.float32


class RememberingTracker:
    """A `protocols.Tracker`. shelf: of schema `schemas.PROPAGATED`."""

    def __init__(self, tracker: Tracker, shelf: Shelf, tally: Tally) -> None:
        self._tracker, self._shelf, self._tally = tracker, shelf, tally

    def open(self, frames: Frames, size: tuple[int, int] | None = None) -> "RememberingSession":
        return RememberingSession(self._tracker, frames, size, self._shelf, self._tally)


class RememberingSession:
    """A `protocols.Session`. digests: of each picture."""

    def __init__(
        self, tracker: Tracker, frames: Frames, size: tuple[int, int] | None, shelf: Shelf, tally: Tally
    ) -> None:
        self._tracker, self._frames, self._size = tracker, frames, size
        self._shelf, self._tally = shelf, tally
        self.digests = [digests.of_array(frame) for frame in frames]
        self._whole = digests.of_texts(*self.digests, repr(size))
        self._opened: Session | None = None

    def segment(self, prompts: Sequence[Prompt]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        return self._session().segment(prompts)

    def propagate(self, prompts: Sequence[Prompt], reverse: bool = False) -> Iterator[TrackedFrame]:
        ways: dict[int, Iterator[_Seen]] = {}
        for object_id in dict.fromkeys(prompt.object_id for prompt in prompts):
            own = [prompt for prompt in prompts if prompt.object_id == object_id]
            key = digests.of_texts(self._whole, digests.of_prompts(own), str(reverse))
            known = self._shelf.get(key)
            ways[object_id] = self._follow(own, reverse, key) if known is None else self._replay(known)
        return _together(ways, reverse)

    def _session(self) -> Session:
        """The tracker's own, opened when something is not known."""
        if self._opened is None:
            self._opened = self._tracker.open(self._frames, self._size)
        return self._opened

    def _follow(self, prompts: Sequence[Prompt], reverse: bool, key: str) -> Iterator[_Seen]:
        """One object, by the tracker; remembered when it has been followed all the way."""
        positions: list[int] = []
        scores: list[np.float32] = []
        rles: list[str] = []
        cpu_s, began = 0.0, time.process_time()
        for frame in self._session().propagate(prompts, reverse):
            seen = _Seen(frame.position, frame.masks[0], frame.scores[0])
            positions.append(seen.position)
            scores.append(seen.score)
            rles.append(masks.encode(seen.mask))
            cpu_s += time.process_time() - began
            yield seen
            began = time.process_time()
        self._tally.make("object_frames", len(positions))
        size = self._size or self._frames.shape[1:3]
        self._shelf.put(key, cpu_s=cpu_s, height=size[0], width=size[1], position=positions, score=scores, rle=rles)

    def _replay(self, row: Row) -> Iterator[_Seen]:
        """One object, as it was followed before."""
        self._tally.save("object_frames", len(row["position"]), row["cpu_s"])
        for position, score, rle in zip(row["position"], row["score"], row["rle"], strict=True):
            yield _Seen(position, masks.decode(rle, row["height"], row["width"]), np.float32(score))


def _together(ways: Mapping[int, Iterator[_Seen]], reverse: bool) -> Iterator[TrackedFrame]:
    """Objects that are followed one by one, as a tracker hands them out: a frame at a time, with all that have begun."""
    first = max if reverse else min
    ahead = {object_id: next(way, None) for object_id, way in ways.items()}
    while waiting := [seen.position for seen in ahead.values() if seen is not None]:
        here = {i: seen for i, seen in ahead.items() if seen is not None and seen.position == first(waiting)}
        yield TrackedFrame(
            position=first(waiting),
            object_ids=np.array(list(here), np.int64),
            masks=np.stack([seen.mask for seen in here.values()]),
            scores=np.array([seen.score for seen in here.values()], np.float32),
        )
        ahead |= {object_id: next(ways[object_id], None) for object_id in here}

"""A tracker that follows no object twice through the same pictures from the same prompt.

What it does not know it asks of the tracker inside, each object by a call of its own, all of them
frame by frame together so that a frame's features serve them all.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trawl import masks
from trawl.masks import Mask
from trawl.models.protocols import Grounder, Session, Tracker
from trawl.records.arrays import Embeddings, Frames
from trawl.records.tracking import Detections, Prompt, TrackedFrame
from trawl.track.reuse import digests
from trawl.track.reuse.shelf import Row, Shelf, Tally


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
        self,
        tracker: Tracker,
        frames: Frames,
        size: tuple[int, int] | None,
        shelf: Shelf,
        tally: Tally,
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
            ways[object_id] = (
                self._follow(own, reverse, key) if known is None else self._replay(known)
            )
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
        self._shelf.put(
            key,
            cpu_s=cpu_s,
            height=size[0],
            width=size[1],
            position=positions,
            score=scores,
            rle=rles,
        )

    def _replay(self, row: Row) -> Iterator[_Seen]:
        """One object, as it was followed before."""
        self._tally.save("object_frames", len(row["position"]), row["cpu_s"])
        for position, score, rle in zip(row["position"], row["score"], row["rle"], strict=True):
            yield _Seen(position, masks.decode(rle, row["height"], row["width"]), np.float32(score))


def _together(ways: Mapping[int, Iterator[_Seen]], reverse: bool) -> Iterator[TrackedFrame]:
    """Objects that are followed one by one, as a tracker hands them out: a frame at a time, with
    all that have begun.
    """
    first = max if reverse else min
    ahead = {object_id: next(way, None) for object_id, way in ways.items()}
    while waiting := [seen.position for seen in ahead.values() if seen is not None]:
        here = {
            i: seen
            for i, seen in ahead.items()
            if seen is not None and seen.position == first(waiting)
        }
        yield TrackedFrame(
            position=first(waiting),
            object_ids=np.array(list(here), np.int64),
            masks=np.stack([seen.mask for seen in here.values()]),
            scores=np.array([seen.score for seen in here.values()], np.float32),
        )
        ahead |= {object_id: next(ways[object_id], None) for object_id in here}


class RememberingGrounder:
    """A `protocols.Grounder` around one that filters nothing.

    Its sessions must be a `RememberingTracker`'s.

    shelf: of schema `schemas.DETECTED`.
    """

    def __init__(self, grounder: Grounder, shelf: Shelf, tally: Tally) -> None:
        self._grounder, self._shelf, self._tally = grounder, shelf, tally

    def detect(
        self, session: Session, frames: Frames, positions: Sequence[int], phrases: Sequence[str]
    ) -> list[Detections]:
        return [self._detect(session, frames, position, phrases) for position in positions]

    def _detect(
        self, session: Session, frames: Frames, position: int, phrases: Sequence[str]
    ) -> Detections:
        assert isinstance(session, RememberingSession), "it knows the pictures' digests"
        key = digests.of_texts(session.digests[position], *phrases)
        known = self._shelf.get(key)
        if known is not None:
            self._tally.save("frames_grounded", 1, known["cpu_s"])
            return _detections(known, *frames.shape[1:3])
        began = time.process_time()
        (found,) = self._grounder.detect(session, frames, [position], phrases)
        self._shelf.put(key, cpu_s=time.process_time() - began, **_row(found))
        self._tally.make("frames_grounded", 1)
        return found


def _row(found: Detections) -> Row:
    return {
        "box": found.boxes.ravel().tolist(),
        "score": found.scores.tolist(),
        "phrase": found.phrase.tolist(),
        "rle": None if found.masks is None else [masks.encode(mask) for mask in found.masks],
    }


def _detections(row: Row, height: int, width: int) -> Detections:
    rles = row["rle"]
    decoded = None
    if rles is not None:
        decoded = np.zeros((len(rles), height, width), bool)
        for mask, rle in zip(decoded, rles, strict=True):
            mask[:] = masks.decode(rle, height, width)
    return Detections(
        boxes=np.array(row["box"], np.float32).reshape(-1, 4),
        scores=np.array(row["score"], np.float32),
        phrase=np.array(row["phrase"], np.int64),
        masks=decoded,
    )


# N pictures (h, w, 3) of any size -> (N, D)
Embed = Callable[[Sequence[NDArray[np.uint8]]], Embeddings]


def remembering(embed: Embed, shelf: Shelf, tally: Tally) -> Embed:
    """The same, asked once for each picture, and for each alone. shelf: of schema `schemas.SEEN`."""

    def one(crop: NDArray[np.uint8]) -> Embeddings:
        key = digests.of_array(crop)
        known = shelf.get(key)
        if known is not None:
            tally.save("crops", 1, known["cpu_s"])
            return np.array(known["embedding"], np.float32)
        began = time.process_time()
        embedding: Embeddings = embed([crop])[0]
        shelf.put(key, cpu_s=time.process_time() - began, embedding=embedding.tolist())
        tally.make("crops", 1)
        return embedding

    return lambda crops: np.stack([one(crop) for crop in crops])

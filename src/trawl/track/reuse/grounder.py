"""A grounder that looks for the same phrases on the same picture once, however little of what it finds is then kept."""

import time
from collections.abc import Sequence

import numpy as np

from trawl import masks
from trawl.models.protocols import Grounder, Session
from trawl.records.arrays import Frames
from trawl.records.tracking import Detections
from trawl.track.reuse import digests
from trawl.track.reuse.remembering import RememberingSession
from trawl.track.reuse.shelf import Row, Shelf
from trawl.track.reuse.tally import Tally


class RememberingGrounder:
    """A `protocols.Grounder` around one that filters nothing. Its sessions must be a `RememberingTracker`'s.

    shelf: of schema `schemas.DETECTED`.
    """

    def __init__(self, grounder: Grounder, shelf: Shelf, tally: Tally) -> None:
        self._grounder, self._shelf, self._tally = grounder, shelf, tally

    def detect(
        self, session: Session, frames: Frames, positions: Sequence[int], phrases: Sequence[str]
    ) -> list[Detections]:
        return [self._detect(session, frames, position, phrases) for position in positions]

    def _detect(self, session: Session, frames: Frames, position: int, phrases: Sequence[str]) -> Detections:
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

"""CPU and wall seconds of the three models inside one actor, and the best grounding score that it
saw.

Wrappers with the models' own protocols, so that no step knows it is measured.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from trawl.models.protocols import Grounder, Session, Tracker
from trawl.records.arrays import Frames
from trawl.records.tracking import Detections, Prompt, TrackedFrame


class Meter:
    """Adds up CPU and wall seconds of this process by name; the inner of two nested names gets the
    time.
    """

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = defaultdict(float)
        self.wall_s: dict[str, float] = defaultdict(float)
        self.best_score = 0.0
        self._names: list[str] = []
        self._since = (0.0, 0.0)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        self._switch()
        self._names.append(name)
        try:
            yield
        finally:
            self._switch()
            self._names.pop()

    def _switch(self) -> None:
        """Credit what has passed to the innermost name."""
        now = time.process_time(), time.perf_counter()
        if self._names:
            self.cpu_s[self._names[-1]] += now[0] - self._since[0]
            self.wall_s[self._names[-1]] += now[1] - self._since[1]
        self._since = now


class MeteredTracker:
    """A Tracker whose time counts as "track"."""

    def __init__(self, tracker: Tracker, meter: Meter) -> None:
        self._tracker, self._meter = tracker, meter

    def open(self, frames: Frames, size: tuple[int, int] | None = None) -> "MeteredSession":
        with self._meter.of("track"):
            return MeteredSession(self._tracker.open(frames, size), self._meter)


class MeteredSession:
    """A Session whose time counts as "track"."""

    def __init__(self, session: Session, meter: Meter) -> None:
        self._session, self._meter = session, meter

    def segment(self, prompts: Sequence[Prompt]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        with self._meter.of("track"):
            return self._session.segment(prompts)

    def propagate(self, prompts: Sequence[Prompt], reverse: bool = False) -> Iterator[TrackedFrame]:
        frames = self._session.propagate(prompts, reverse)
        while True:
            with self._meter.of("track"):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame


class MeteredGrounder:
    """A Grounder whose time counts as "ground", but for what the session does for it."""

    def __init__(self, grounder: Grounder, meter: Meter) -> None:
        self._grounder, self._meter = grounder, meter

    def detect(
        self, session: Session, frames: Frames, positions: Sequence[int], phrases: Sequence[str]
    ) -> list[Detections]:
        with self._meter.of("ground"):
            found = self._grounder.detect(session, frames, positions, phrases)
        for detections in found:
            self._meter.best_score = max(
                self._meter.best_score, float(detections.scores.max(initial=0.0))
            )
        return found

"""Hands units to decode actors, one at a time each, and turns whatever happens to them into an answer.

Every unit ends in exactly one `Finished` or `Refused`, also when actors die: the unit that a dead decoder was working on is
tried again on a new process, three times in all; a unit that lost its embedder is repeated without suspicion against it. Order
of answers is the order of completion.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from trawl.pipelines.actors import DecodeActor, EmbedActor, Unit, UnitDone, UnitRefused
from trawl.pipelines.runtime import Pool, result
from trawl.plan import MAX_ATTEMPTS, PlannedVideo
from trawl.records import Reason


@dataclass(frozen=True, slots=True)
class Finished:
    """A unit whose rows are in the object store. `rows` is a reference; nobody fetches it but the writer."""

    unit: Unit
    done: UnitDone
    rows: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """A unit that cannot be used, and why."""

    unit: Unit
    reason: Reason
    message: str


class Dispatcher:
    """One screen's worth of scheduling: idle actors, waiting units, units under way."""

    def __init__(self, decoders: Pool[DecodeActor], embedders: Pool[EmbedActor]) -> None:
        self._decoders, self._embedders = decoders, embedders
        self._idle = deque(range(len(decoders.handles)))
        self._waiting: deque[Unit] = deque()
        self._running: dict[Any, tuple[int, Unit, Any]] = {}
        self._window = 2 + -(-2 * len(embedders.handles) // len(decoders.handles))

    def run(self, videos: Iterator[PlannedVideo], tick: Callable[[], None]) -> Iterator[Finished | Refused]:
        """Work through all videos. `tick` is called about twice a second while nothing happens."""
        while True:
            self._fill(videos)
            if not self._running:
                return
            done, _ = ray.wait(list(self._running), num_returns=1, timeout=0.5)
            tick()
            for ref in done:
                yield from self._settle(ref)

    def _fill(self, videos: Iterator[PlannedVideo]) -> None:
        while self._idle:
            if not self._waiting:
                planned = next(videos, None)
                if planned is None:
                    return
                self._waiting.append(Unit(planned.video, planned.attempts))
            self._submit(self._waiting.popleft())

    def _submit(self, unit: Unit) -> None:
        index = self._idle.popleft()
        handle = self._decoders.handles[index]
        done, rows = handle.process.options(num_returns=2).remote(unit, self._embedders.handles, self._window)
        self._running[done] = (index, unit, rows)

    def _settle(self, ref: Any) -> Iterator[Finished | Refused]:
        index, unit, rows = self._running.pop(ref)
        try:
            done: UnitDone | UnitRefused = result(ref)
        except RayTaskError as error:  # first: it is of the class of its cause as well
            if not isinstance(error.cause, RayActorError):
                raise  # a bug of ours: the job ends with its traceback
            self._embedders.replace_dead()  # raised inside the decoder: its embedder is gone
            yield from self._again(unit, "the embedding process died")
        except RayActorError as error:  # the decode actor itself is gone, with whatever it was doing
            self._decoders.replace(index)
            yield from self._again(unit, str(error).splitlines()[0])
        else:
            if isinstance(done, UnitRefused):
                yield Refused(unit, done.reason, done.message)
            else:
                rest = enumerate(done.rest, 1)
                self._waiting.extend(replace(unit, number=number, span=span, attempt=1) for number, span in rest)
                yield Finished(unit, done, rows)
        finally:
            self._idle.append(index)

    def _again(self, unit: Unit, message: str) -> Iterator[Refused]:
        if unit.attempt >= MAX_ATTEMPTS:
            yield Refused(unit, Reason.WORKER_DIED, f"{message} (attempt {unit.attempt} of {MAX_ATTEMPTS})")
        else:
            self._waiting.append(replace(unit, attempt=unit.attempt + 1))

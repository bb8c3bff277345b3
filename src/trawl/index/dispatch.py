"""Hands units to decode actors, a few at a time each, and turns whatever happens to them into an
answer.

Every unit ends in exactly one `Finished` or `Refused`, also when actors die: the units that a dead
decoder had are tried again, three times in all, and each of them alone in its process, so that only
the one that kills is refused. A unit that lost its embedder is repeated in the same way. Order of
answers is the order of completion.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayTaskError

from trawl.index.actors import UNITS_AT_ONCE, DecodeActor, EmbedActor, Unit, UnitDone, UnitRefused
from trawl.index.plan import PlannedVideo
from trawl.records.video import MAX_ATTEMPTS, Reason
from trawl.runtime.pool import GONE, Pool
from trawl.runtime.session import result


@dataclass(frozen=True, slots=True)
class Finished:
    """A unit whose rows are in the object store.

    `rows` is a reference; nobody fetches it but the writer.
    """

    unit: Unit
    done: UnitDone
    rows: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """A unit that cannot be used, and why."""

    unit: Unit
    reason: Reason
    message: str


class _Running(NamedTuple):
    unit: Unit
    place: int
    decoder: Any  # the actor that has it; another may stand at its place by now
    rows: Any


class Dispatcher:
    """One screen's worth of scheduling: how busy each decoder is, waiting units, units under way."""

    def __init__(
        self, decoders: Pool[DecodeActor], embedders: Pool[EmbedActor], embed_threads: int = 1
    ) -> None:
        """embed_threads: batches that each embedder computes at a time."""
        self._decoders, self._embedders = decoders, embedders
        self._load = [0] * len(decoders.handles)
        self._waiting: deque[Unit] = deque()
        self._running: dict[Any, _Running] = {}
        self._window = 2 + -(-2 * embed_threads * len(embedders.handles) // len(decoders.handles))

    def run(
        self, videos: Iterator[PlannedVideo], tick: Callable[[], None]
    ) -> Iterator[Finished | Refused]:
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
        while min(self._load) < UNITS_AT_ONCE:
            if not self._waiting:
                planned = next(videos, None)
                if planned is None:
                    return
                self._waiting.append(Unit(planned.video, planned.attempts))
            unit, index = self._waiting[0], self._load.index(min(self._load))
            if self._load[index] + _share(unit) > UNITS_AT_ONCE:
                return  # until a decoder is free for it alone
            self._submit(self._waiting.popleft(), index)

    def _submit(self, unit: Unit, index: int) -> None:
        handle = self._decoders.handles[index]
        done, rows = handle.process.options(num_returns=2).remote(
            unit, self._embedders.handles, self._window
        )
        self._running[done] = _Running(unit, index, handle, rows)
        self._load[index] += _share(unit)

    def _settle(self, ref: Any) -> Iterator[Finished | Refused]:
        running = self._running.pop(ref)
        unit, index = running.unit, running.place
        self._load[index] -= _share(unit)
        try:
            done: UnitDone | UnitRefused = result(ref)
        except RayTaskError as error:  # first: it is of the class of its cause as well
            if not isinstance(error.cause, GONE):
                raise  # a bug of ours: the job ends with its traceback
            self._embedders.replace_dead()  # raised inside the decoder: its embedder is gone
            yield from self._again(unit, "the embedding process died")
        except GONE as error:  # the decode actor itself is gone, with whatever it was doing
            if self._decoders.handles[index] is running.decoder:  # the first of its units to say so
                self._decoders.replace(index)
            yield from self._again(unit, str(error).splitlines()[0])
        else:
            if isinstance(done, UnitRefused):
                yield Refused(unit, done.reason, done.message)
            else:
                rest = enumerate(done.rest, 1)
                self._waiting.extend(
                    replace(unit, number=number, span=span, attempt=1) for number, span in rest
                )
                yield Finished(unit, done, running.rows)

    def _again(self, unit: Unit, message: str) -> Iterator[Refused]:
        if unit.attempt >= MAX_ATTEMPTS:
            yield Refused(
                unit, Reason.WORKER_DIED, f"{message} (attempt {unit.attempt} of {MAX_ATTEMPTS})"
            )
        else:
            self._waiting.appendleft(replace(unit, attempt=unit.attempt + 1))


def _share(unit: Unit) -> int:
    """Places in its decoder that a unit takes: all of them when an actor has died on it."""
    return 1 if unit.attempt == 1 else UNITS_AT_ONCE

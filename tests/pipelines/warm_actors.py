"""Hands the actors of one job on to the next, as a sweep does: a new one costs two CPU seconds,
nearly all of them Ray's imports.

Only actors of the product are kept, and only of jobs that ended well. A job in a process of its own
(`test_index_to_query.py`, `test_growing_cluster.py`, `test_chaos.py`) starts and ends its own.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import pytest
import ray

from trawl.config.data import StorageConfig
from trawl.index import actors as index_actors
from trawl.runtime.pool import GONE, Pool


@dataclass(frozen=True)
class Make:
    """What actors must share to stand in for each other."""

    actor: type
    args: tuple[Any, ...]
    options: dict[str, Any]

    @property
    def cpus(self) -> float:
        return float(self.options.get("num_cpus") or 0)


class WarmActors:
    """Idle actors, oldest first, that leave room on a Ray of `num_cpus` for those at work."""

    def __init__(self, num_cpus: float) -> None:
        self._num_cpus = num_cpus
        self._idle: list[tuple[Make, Any]] = []
        self._at_work: WeakKeyDictionary[Pool[Any], Make] = WeakKeyDictionary()

    def take(self, pool: Pool[Any], make: Make, size: int) -> list[Any]:
        """At most `size` idle actors; room is made for those that are still to be started."""
        fitting = [pair for pair in self._idle if pair[0] == make][:size]
        self._idle = [pair for pair in self._idle if pair not in fitting]
        busy = size * make.cpus
        busy += sum(len(other.handles) * its.cpus for other, its in self._at_work.items())
        while busy + sum(its.cpus for its, _ in self._idle) > self._num_cpus:
            in_the_way = [pair for pair in self._idle if pair[0].cpus]
            alike = [pair for pair in in_the_way if pair[0].actor is make.actor]
            if not in_the_way:
                break
            self._end((alike or in_the_way)[0])
        self._at_work[pool] = make
        return [handle for _, handle in fitting]

    def give_back(self, pool: Pool[Any]) -> None:
        """Keep its actors, unless something went wrong: then nobody knows what they are at."""
        make = self._at_work.pop(pool)
        if sys.exception() is None and make.actor.__module__.startswith("trawl."):
            self._idle += [(make, handle) for handle in pool.handles]
        else:
            for handle in pool.handles:
                _kill(handle)

    def clear(self) -> None:
        """End all idle actors: a job of another process needs the room."""
        for pair in list(self._idle):
            self._end(pair)

    def _end(self, pair: tuple[Make, Any]) -> None:
        self._idle.remove(pair)
        _kill(pair[1])


@contextmanager
def warm_actors(num_cpus: float) -> Iterator[WarmActors]:
    """Inside, pools take idle actors where there are some, and leave theirs behind."""
    warm, real_init = WarmActors(num_cpus), Pool.__init__

    def start(
        pool: Pool[Any], actor: type, size: int, args: tuple[Any, ...], **options: Any
    ) -> None:
        idle = warm.take(pool, Make(actor, _without_root(actor, args), options), size)
        real_init(pool, actor, size - len(idle), args, **options)
        pool.handles[:0] = idle

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pool, "__init__", start)
        patch.setattr(Pool, "stop", lambda pool: warm.give_back(pool))
        yield warm
        warm.clear()


def _without_root(actor: type, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Decode actors read videos by the storage's settings, and never open its root."""
    if actor.__module__ != index_actors.__name__:
        return args
    return tuple(replace(a, root="any") if isinstance(a, StorageConfig) else a for a in args)


def _kill(handle: Any) -> None:
    with suppress(*GONE, ValueError):
        ray.kill(handle)

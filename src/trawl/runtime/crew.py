"""Hands items to a pool of like actors, one at a time each, and turns whatever happens to them into
an answer.

The item that a dead actor was working on is tried again on a new process, three times in all. Order
of answers is the order of completion. Knows nothing of what the items are.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import ray

from trawl.records.video import MAX_ATTEMPTS
from trawl.runtime.pool import GONE, Pool
from trawl.runtime.session import result

T = TypeVar("T")


class Crew(Generic[T]):
    """A pool at work. The actors have a method `process(item)`."""

    def __init__(self, pool: Pool[Any]) -> None:
        self._pool = pool
        self._idle = deque(range(len(pool.handles)))
        self._again: deque[tuple[T, int]] = deque()
        self._running: dict[Any, tuple[int, T, int]] = {}

    def run(self, items: Iterator[T], tick: Callable[[], None]) -> Iterator[tuple[T, Any]]:
        """(item, what its `process` returned) as they end; None for an item that killed its process
        three times.

        `tick` is called about twice a second while nothing happens.
        """
        while True:
            self._fill(items)
            if not self._running:
                return
            done, _ = ray.wait(list(self._running), num_returns=1, timeout=0.5)
            tick()
            for ref in done:
                yield from self._settle(ref)

    def _fill(self, items: Iterator[T]) -> None:
        while self._idle:
            if not self._again:
                item = next(items, None)
                if item is None:
                    return
                self._again.append((item, 1))
            (item, attempt), index = self._again.popleft(), self._idle.popleft()
            self._running[self._pool.handles[index].process.remote(item)] = (index, item, attempt)

    def _settle(self, ref: Any) -> Iterator[tuple[T, Any]]:
        index, item, attempt = self._running.pop(ref)
        try:
            yield item, result(ref)
        except GONE:
            self._pool.replace(index)
            if attempt >= MAX_ATTEMPTS:
                yield item, None
            else:
                self._again.append((item, attempt + 1))
        finally:
            self._idle.append(index)

"""Wall seconds by step, for summaries."""

import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar


class Clock:
    """Adds up the wall time of named steps; `steps` keeps the order in which they first came."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self._begin = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Adds the time that the block takes, also when it raises."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.steps[name] = self.steps.get(name, 0.0) + time.perf_counter() - begin

    @property
    def wall_s(self) -> float:
        """Seconds since this clock was made."""
        return time.perf_counter() - self._begin


T = TypeVar("T")


class Deadline:
    """max_hours from now; None: only a SIGTERM ends it."""

    def __init__(self, max_hours: float | None = None) -> None:
        self._until = None if max_hours is None else time.monotonic() + 3600 * max_hours
        self._max_hours = max_hours
        self._terminated = threading.Event()
        self._watched = False
        self.stopped = ""  # why work was left undone; "" while none was

    def over(self) -> bool:
        """Whether nothing new may begin."""
        return self._terminated.is_set() or (
            self._until is not None and time.monotonic() >= self._until
        )

    def within(self, items: Iterable[T]) -> Iterator[T]:
        """The items as long as there is time; asked for one more when there is none, it ends and
        notes why.
        """
        for item in items:
            if self.over():
                self.stop()
                return
            yield item

    def stop(self) -> None:
        """Note why work is left undone, when the time is over."""
        self.stopped = (
            "terminated" if self._terminated.is_set() else f"max_hours={self._max_hours:g}"
        )

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside, a first SIGTERM ends the time and a second one the process.

        For the main thread; elsewhere, and inside another `watching` of this deadline, it does
        nothing.
        """
        if self._watched or threading.current_thread() is not threading.main_thread():
            yield
            return
        self._watched = True
        before = signal.getsignal(signal.SIGTERM)

        def terminate(number: int, frame: object) -> None:
            self._terminated.set()
            signal.signal(signal.SIGTERM, before)

        signal.signal(signal.SIGTERM, terminate)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
            self._watched = False

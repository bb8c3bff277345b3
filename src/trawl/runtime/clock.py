"""Wall seconds by step, for summaries."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


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

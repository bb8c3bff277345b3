"""The index job as a user starts it: a process with a command line, whose log lines are heard while
it runs.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any

from tests.chaos.corpus import EVERY_S

DATASET = "chaos"
PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Command:
    """What is run. uri: of the corpus; root: of the index. module: with its own first arguments."""

    uri: str
    root: str
    settings: tuple[str, ...] = ()
    endpoint: str | None = None
    module: tuple[str, ...] = ("jobs.index",)
    environment: dict[str, str] = field(default_factory=dict)

    def with_(self, *settings: str) -> "Command":
        return replace(self, settings=(*self.settings, *settings))

    def line(self) -> list[str]:
        where = [f"dataset.uri={self.uri}", f"dataset.name={DATASET}", f"storage.root={self.root}"]
        if self.endpoint:
            where += ["storage=s3", f"storage.endpoint={self.endpoint}"]
        how = ["embedder=fake", f"sampling.every_s={EVERY_S}", "log=json", *self.settings]
        return [sys.executable, "-m", *self.module, "+dataset=folder", *where, *how]


@dataclass(frozen=True, slots=True)
class Ended:
    """code: the exit code, -9 when killed. words: what it said that is not a log line, last line
    first to look at.
    """

    code: int
    words: list[str]
    events: list[dict[str, Any]]
    wall_s: float

    @property
    def said(self) -> str:
        """The last thing it said to people."""
        return self.words[-1] if self.words else ""

    @property
    def explained(self) -> bool:
        """It went well, or ended with one line and without a traceback."""
        return self.code in (0, 3) or (
            self.code in (2, 4, 5, 6)
            and not any(line.startswith("Traceback") for line in self.words)
        )

    def count(self, event: str) -> int:
        return sum(one["event"] == event for one in self.events)


class Job:
    """A job that runs."""

    def __init__(self, command: Command) -> None:
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            command.line(),
            env={**os.environ, "OMP_NUM_THREADS": "1", **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._changed = threading.Condition()
        self._events: list[dict[str, Any]] = []
        self._words: list[str] = []
        self._over = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, event: str, number: int = 1, patience_s: float = PATIENCE_S) -> bool:
        """True when that event has come so many times, False when the job ended before."""

        def there() -> bool:
            return self._over or sum(one["event"] == event for one in self._events) >= number

        with self._changed:
            assert self._changed.wait_for(there, patience_s), f"no {event!r} after {patience_s:g} s"
            return sum(one["event"] == event for one in self._events) >= number

    def heard(self, event: str) -> list[dict[str, Any]]:
        """Those that have come so far."""
        with self._changed:
            return [one for one in self._events if one["event"] == event]

    def running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> bool:
        """SIGKILL. False when it had ended by itself."""
        self._process.send_signal(signal.SIGKILL)
        return self._process.wait() == -signal.SIGKILL

    def end(self, patience_s: float = PATIENCE_S) -> Ended:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it hangs; it is killed then.
        """
        try:
            code = self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._thread.join(5.0)  # a child that outlives it may hold the pipe
        return Ended(code, list(self._words), list(self._events), time.monotonic() - self.began)

    def _listen(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            with self._changed:
                if line.startswith("{"):
                    self._events.append({**json.loads(line), "at_s": time.monotonic() - self.began})
                elif line.strip():
                    self._words.append(line.rstrip())
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()


def run(command: Command) -> Ended:
    """Start it and wait for its end."""
    return Job(command).end()

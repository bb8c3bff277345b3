"""Shows progress while a job runs: one live line in a terminal, a plain line now and then in a log.

Knows nothing of Ray or videos' contents; it is told outcomes and counts them.
"""

import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

PLAIN_EVERY_S = 15.0


class _Left(ProgressColumn):
    """Time left at the speed so far, by bytes: videos differ too much in length to count them."""

    def render(self, task: Task) -> Text:
        left = seconds_left(task.completed, task.total or 0, task.elapsed or 0.0)
        return Text(f"{format_s(left)} left" if left is not None else "", style="cyan")


def seconds_left(done: float, total: float, elapsed_s: float) -> float | None:
    """Seconds that the rest takes at the mean speed so far; None while nothing is done."""
    return elapsed_s * (total - done) / done if done > 0 and total >= done else None


def format_s(seconds: float) -> str:
    """
    >>> format_s(5025), format_s(65), format_s(7.25)
    ('1h23m', '1m05s', '7.2s')
    """
    if seconds >= 3600:
        return f"{seconds // 3600:.0f}h{seconds % 3600 // 60:02.0f}m"
    return f"{seconds // 60:.0f}m{int(seconds % 60):02d}s" if seconds >= 60 else f"{seconds:.1f}s"


class IndexProgress:
    """Videos, frames, frames/s, failures and time left.

    A context manager; outside of it nothing is shown.
    """

    def __init__(self, console: Console, videos: int, size_bytes: int) -> None:
        self._console, self._videos, self._bytes = console, videos, size_bytes
        self._done_bytes, self._started, self._last_plain = 0, time.monotonic(), time.monotonic()
        self.counts: Counter[str] = Counter()
        columns = (
            SpinnerColumn(),
            BarColumn(30),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            _Left(),
        )
        self._bar = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        )
        self._task = self._bar.add_task(self._line(), total=max(1, size_bytes))

    def __enter__(self) -> "IndexProgress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def frames(self, count: int) -> None:
        """Frames of a unit that is embedded, whether or not its video is complete."""
        self.counts["frames"] += count
        self.refresh()

    def video(self, size_bytes: int, failed: bool) -> None:
        """One video has its outcome."""
        self.counts["failed" if failed else "indexed"] += 1
        self._done_bytes += size_bytes
        self.refresh()

    def refresh(self) -> None:
        """Redraw, or print the plain line where nothing can be redrawn and the last one is old."""
        self._bar.update(self._task, completed=self._done_bytes, description=self._line())
        if not self._console.is_terminal and time.monotonic() - self._last_plain >= PLAIN_EVERY_S:
            self._last_plain = time.monotonic()
            left = seconds_left(self._done_bytes, self._bytes, self._last_plain - self._started)
            self._console.print(
                self._line() + (f", {format_s(left)} left" if left is not None else "")
            )

    def _line(self) -> str:
        done = self.counts["indexed"] + self.counts["failed"]
        rate = self.counts["frames"] / max(1e-3, time.monotonic() - self._started)
        failed = f", {self.counts['failed']} failed" if self.counts["failed"] else ""
        return f"{done:,}/{self._videos:,} videos, {self.counts['frames']:,} frames, {rate:,.0f} frames/s{failed}"


class TrackProgress:
    """Clips, tracks and masks so far. A context manager; outside of it nothing is shown."""

    def __init__(self, console: Console, clips: int) -> None:
        self._console, self._clips = console, clips
        self._done, self._said, self._last_plain = 0, "", time.monotonic()
        columns = (
            SpinnerColumn(),
            BarColumn(30),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
        )
        self._bar = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        )
        self._task = self._bar.add_task("starting", total=clips)

    def __enter__(self) -> "TrackProgress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def clip(self, counts: Mapping[str, int]) -> None:
        """One more clip has its outcome; counts: of tracks, masks and frames in all."""
        self._done += 1
        self._said = ", ".join(
            f"{counts.get(kind, 0):,} {kind}" for kind in ("tracks", "masks", "frames")
        )
        self.refresh()

    def refresh(self) -> None:
        """Redraw, or print the plain line where nothing can be redrawn and the last one is old."""
        text = f"{self._done:,}/{self._clips:,} clips" + (f", {self._said}" if self._said else "")
        self._bar.update(self._task, completed=self._done, description=text)
        if not self._console.is_terminal and time.monotonic() - self._last_plain >= PLAIN_EVERY_S:
            self._last_plain = time.monotonic()
            self._console.print(text)

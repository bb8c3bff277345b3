"""What a person sees while clips are tracked: one live line in a terminal, a plain line now and then in a log."""

import time
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from trawl.runtime.progress import PLAIN_EVERY_S


class TrackProgress:
    """Clips, tracks and masks so far. A context manager; outside of it nothing is shown."""

    def __init__(self, console: Console, clips: int) -> None:
        self._console, self._clips = console, clips
        self._done, self._said, self._last_plain = 0, "", time.monotonic()
        columns = (SpinnerColumn(), BarColumn(30), TextColumn("{task.description}"), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("starting", total=clips)

    def __enter__(self) -> "TrackProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def clip(self, counts: Mapping[str, int]) -> None:
        """One more clip has its outcome; counts: of tracks, masks and frames in all."""
        self._done += 1
        self._said = ", ".join(f"{counts.get(kind, 0):,} {kind}" for kind in ("tracks", "masks", "frames"))
        self.refresh()

    def refresh(self) -> None:
        """Redraw, or print the plain line where nothing can be redrawn and the last one is old."""
        text = f"{self._done:,}/{self._clips:,} clips" + (f", {self._said}" if self._said else "")
        self._bar.update(self._task, completed=self._done, description=text)
        if not self._console.is_terminal and time.monotonic() - self._last_plain >= PLAIN_EVERY_S:
            self._last_plain = time.monotonic()
            self._console.print(text)

"""Decode untrusted files where they can do no harm: in a process of their own, with a deadline and
limits.

Every outcome of that process becomes records or a VideoError. The parent loads no decoder, and what
comes back is read as plain bytes (`wire.py`). One sandbox does one job at a time; starting it costs
about half a second, a job a few milliseconds. Knows nothing of what is decoded how: see `child.py`
and `reader.py`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from trawl.config.data import DecodeConfig, SamplingConfig
from trawl.decode.job import ClipJob, DecodeJob, Job, ProbeJob, ThumbnailJob
from trawl.decode.processes import Fork, Zygote
from trawl.decode.wire import End, Failure, Message, Picture
from trawl.errors import VideoError
from trawl.records.tracking import ClipFrames
from trawl.records.video import DecodeReport, FrameBatch, ImageSpec, Probe, Reason

_STARTS = 3  # of the decoding processes, for one job


class DecodeSandbox:
    """A place to decode files in. Use it as a context manager, from one thread.

    handler: "module:function" that does a job inside (`job.run`); tests pass functions that
    misbehave.
    """

    def __init__(self, config: DecodeConfig, handler: str = "trawl.decode.job:run") -> None:
        self._config = config
        self._handler = handler
        self._zygote: Zygote | None = None
        self._current: Fork | None = None

    def __enter__(self) -> "DecodeSandbox":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the decoding processes now, and not with the first job."""
        self._started()

    def close(self) -> None:
        """End the decoding processes. Another job would start them again."""
        self._stop_current()
        self._close_zygote()

    def probe(self, path: str | Path) -> Probe:
        """Probe a local file.

        Raises:
            VideoError: why it cannot be used.
        """
        (answer,) = [
            m for m in self._run(ProbeJob(_local(path), self._config)) if isinstance(m, Probe)
        ]
        return answer

    def decode(
        self,
        path: str | Path,
        sampling: SamplingConfig,
        spec: ImageSpec,
        span: tuple[float, float] | None = None,
    ) -> Iterator[FrameBatch | DecodeReport]:
        """Sampled pictures of a local file in order of time, in batches of at most 32, and last one
        DecodeReport.

        span: [start_s, end_s) of presentation time; None is all of it. Closing the iterator early
        ends the decoding.

        Raises:
            VideoError: why it cannot be used, after the batches that came before.
        """
        for message in self._run(DecodeJob(_local(path), self._config, sampling, spec, span)):
            assert isinstance(message, FrameBatch | DecodeReport)
            yield message

    def thumbnails(self, path: str | Path, times_s: Sequence[float], width: int) -> list[Picture]:
        """For each time the first picture at or after it, at most `width` pixels wide, aspect kept,
        upright.

        Raises:
            VideoError: why it cannot be used.
        """
        job = ThumbnailJob(_local(path), self._config, tuple(times_s), width)
        return [message for message in self._run(job) if isinstance(message, Picture)]

    def clip(
        self,
        path: str | Path,
        span: tuple[float, float],
        max_fps: float | None = None,
        max_side: int | None = None,
    ) -> Iterator[ClipFrames | DecodeReport]:
        """Every picture of a local file with a time in [start_s, end_s), at display size, in
        batches of about 8 MB.

        Last comes one DecodeReport.

        max_fps: at most so many a second. max_side: pictures with a longer side are scaled down to
        it. Closing the iterator early ends the decoding.

        Raises:
            VideoError: why it cannot be used, after the batches that came before.
        """
        for message in self._run(ClipJob(_local(path), self._config, span, max_fps, max_side)):
            assert isinstance(message, ClipFrames | DecodeReport)
            yield message

    def _run(self, job: Job) -> Iterator[Message]:
        self._stop_current()
        fork = self._current = self._fork(job)
        try:
            while not isinstance(message := fork.next(), End):
                if isinstance(message, Failure):
                    raise VideoError(Reason(message.reason), message.message)
                yield message
        finally:
            if self._current is fork:
                self._stop_current()

    def _fork(self, job: Job) -> Fork:
        """The job, begun. A zygote that was killed, while it started or since, is replaced.

        Raises:
            RuntimeError: it does not start, again and again, which is a bug or a broken
                installation.
        """
        for _ in range(_STARTS - 1):
            try:
                return self._started().fork(job)
            except RuntimeError:
                self._close_zygote()
        return self._started().fork(job)

    def _started(self) -> Zygote:
        if self._zygote is None or not self._zygote.alive():
            self._zygote = Zygote(self._handler)
        return self._zygote

    def _close_zygote(self) -> None:
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None

    def _stop_current(self) -> None:
        if self._current is not None:
            self._current.stop()
            self._current = None


def _local(path: str | Path) -> Path:
    return Path(path).absolute()

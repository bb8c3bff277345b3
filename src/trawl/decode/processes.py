"""The parent's end of the decoding processes: a zygote that is started once, and a fork of it per
job.

How a fork ends decides what the video is told: its messages, its exit status and its deadline all
become a VideoError here. See `child.py` for the other end.
"""

import fcntl
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import IO

from trawl.decode.job import Job
from trawl.decode.wire import LENGTH, REAP, Message, WireError, decode
from trawl.errors import VideoError
from trawl.records.video import Reason

# What the decoding process may know of our environment: no credentials.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# Pictures are freed and allocated all the time: keep their memory, since a fork pays for each page
# that it touches first.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}
_PIPE_BYTES = 1 << 20
_LAST_WORDS_S = 1.0  # what a process that closed its pipe may take to die
_LOG_TAIL = 2000  # bytes of a dead process's complaints that are looked at
_LOG_LINES = 3


class Zygote:
    """The parent's end of `child.py`."""

    def __init__(self, handler: str) -> None:
        ours, theirs = socket.socketpair()
        self._control = ours
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= _ONE_THREAD | _KEEP_MEMORY
        environment["PYTHONPATH"] = os.pathsep.join(folder for folder in sys.path if folder)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "trawl.decode.child", str(theirs.fileno()), handler],
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                start_new_session=True,  # Ctrl-C is the parent's business
            )

    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, job: Job) -> "Fork":
        """Start a job in a process of its own.

        Raises:
            RuntimeError: if the decoding process does not start, which is a bug or a broken
                installation.
        """
        log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        reading, writing = os.pipe()
        with suppress(OSError):  # the system's limit may be lower; then the default does
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        body = pickle.dumps(job)
        try:
            socket.send_fds(self._control, [LENGTH.pack(len(body))], [writing, log.fileno()])
            self._control.sendall(body)
            pid = self.answer()
        except (OSError, EOFError) as error:
            os.close(reading)
            log.close()
            raise RuntimeError(f"the decoding process does not run: {tail(self._log)}") from error
        finally:
            os.close(writing)
        return Fork(self, pid, reading, log, job)

    def reap(self) -> int | None:
        """The exit status of the fork; None if the zygote itself is gone."""
        try:
            self._control.sendall(LENGTH.pack(REAP))
            return self.answer()
        except (OSError, EOFError):
            return None

    def answer(self) -> int:
        data = b""
        while len(data) < LENGTH.size:
            some = self._control.recv(LENGTH.size - len(data))
            if not some:
                raise EOFError
            data += some
        number: int = LENGTH.unpack(data)[0]
        return number

    def close(self) -> None:
        self._control.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class Fork:
    """One job in its own process: read `next` until it says End, then `stop`."""

    def __init__(self, zygote: Zygote, pid: int, pipe: int, log: IO[bytes], job: Job) -> None:
        self._zygote = zygote
        self._pid = pid
        self._pipe = pipe
        self._log = log
        self._limits = job.limits
        self._left_s = job.limits.timeout_s
        self._ended = False

    def next(self) -> Message:
        """The next message.

        Only waiting for the process counts against its deadline, not what the caller does between.

        Raises:
            VideoError: DECODER_TIMEOUT, DECODER_CRASHED or OUT_OF_MEMORY.
        """
        try:
            return decode(self._read)
        except WireError as error:
            raise self._post_mortem(str(error)) from error

    def stop(self) -> int | None:
        """End the process if it still runs, and free what belongs to it. -> its wait status, None
        if that is unknown.
        """
        if self._ended:
            return None
        self._ended = True
        os.close(self._pipe)
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)  # not reaped yet, so the id is still its own
        status = self._zygote.reap()
        self._log.close()
        return status

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            self._wait()
            count = os.readv(self._pipe, [view])
            if count == 0:
                raise WireError("the decoding process ended early")
            view = view[count:]
        return data

    def _wait(self) -> None:
        started_s = time.monotonic()
        poll = select.poll()  # unlike select.select, takes descriptors above 1024
        poll.register(self._pipe, select.POLLIN)
        ready = poll.poll(max(0.0, self._left_s) * 1000)
        self._left_s -= time.monotonic() - started_s
        if not ready:
            self.stop()
            raise VideoError(
                Reason.DECODER_TIMEOUT, f"no end within decode.timeout_s={self._limits.timeout_s:g}"
            )

    def _post_mortem(self, what: str) -> VideoError:
        poll = select.poll()
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(self._pid)
            poll.register(descriptor, select.POLLIN)
            poll.poll(_LAST_WORDS_S * 1000)
            os.close(descriptor)
        complaint, more = tail(self._log), tail(self._log, _LOG_LINES)
        status = self.stop()
        signal_number = os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else 0
        if signal_number == signal.SIGXCPU:
            return VideoError(
                Reason.DECODER_TIMEOUT,
                f"no end within decode.timeout_s={self._limits.timeout_s:g} of CPU time",
            )
        if signal_number == signal.SIGKILL:
            return VideoError(
                Reason.OUT_OF_MEMORY,
                "the system killed the decoding process, most likely for its memory",
            )
        if signal_number:
            return VideoError(
                Reason.DECODER_CRASHED,
                f"the decoding process died of {signal.Signals(signal_number).name}"
                + (f"; its last words: {more}" if more else ""),
            )
        return VideoError(Reason.DECODER_CRASHED, complaint or what)


def tail(log: IO[bytes], most: int = 1) -> str:
    """The last line that a process wrote, or the last `most`, as one; what a terminal would take
    for a command is a space.
    """
    log.seek(0, os.SEEK_END)
    log.seek(max(0, log.tell() - _LOG_TAIL))
    text = log.read().decode(errors="replace")
    lines = [
        "".join(c if c.isprintable() else " " for c in line).strip() for line in text.splitlines()
    ]
    return " | ".join([line for line in lines if line][-most:])

"""The process in which files are decoded: `python -m trawl.decode.child FD HANDLER`, started by
`sandbox.py` alone.

It loads the decoders once and stays single-threaded. For each job it forks: the fork takes its
limits, decodes one file, streams messages into a pipe and ends. So a crash, a hang, a leak or a
bomb costs that file, and a new file costs a fork. The parent speaks over a socket: a job with two
file descriptors (pipe, error log) is answered by the fork's process id; "reap" is answered by its
exit status. When the socket closes, everything here ends. Linux only: it relies on a parent-death
signal and process descriptors.
"""

import ctypes
import gc
import importlib
import os
import pickle
import resource
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from trawl.decode.job import Job
from trawl.decode.wire import LENGTH, REAP, End, Failure, Message, encode
from trawl.errors import VideoError
from trawl.records.video import Reason

Handler = Callable[[Job], Iterator[Message]]

_PR_SET_PDEATHSIG = 1
_LOG_BYTES = 1 << 16  # what a fork may write to any file, and so to its error log
_REAP_S = 10.0  # a fork that has closed its pipe and does not end is killed after this


def main() -> None:
    """Serve jobs until the parent goes away."""
    control = socket.socket(fileno=int(sys.argv[1]))
    module, _, name = sys.argv[2].partition(":")
    handler: Handler = getattr(importlib.import_module(module), name)
    _load_decoders()
    gc.freeze()  # a fork that collects garbage would copy every page of what was loaded here
    pid = 0
    while head := _receive(control):
        (length,), descriptors = LENGTH.unpack(head[0]), head[1]
        if length == REAP:
            control.sendall(LENGTH.pack(_reap(pid)))
            pid = 0
        else:
            job = pickle.loads(_exactly(control, length))  # from our own parent
            pid = os.fork()
            if pid == 0:
                control.close()
                _decode(job, handler, *descriptors)
            control.sendall(LENGTH.pack(pid))
        for descriptor in descriptors:
            os.close(descriptor)
    if pid:
        os.kill(pid, signal.SIGKILL)


def _load_decoders() -> None:
    """Import what every job needs, and keep each of it to one thread and quiet."""
    import cv2
    import decord

    import trawl.decode.reader  # noqa: F401

    cv2.setNumThreads(1)
    decord.logging.set_level(decord.logging.QUIET)


def _receive(control: socket.socket) -> tuple[bytes, list[int]] | None:
    head, descriptors, _, _ = socket.recv_fds(control, LENGTH.size, 2)
    if not head:
        return None
    return head + _exactly(control, LENGTH.size - len(head)), descriptors


def _exactly(control: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        some = control.recv(length - len(data))
        if not some:
            raise EOFError("the parent went away in the middle of a job")
        data += some
    return bytes(data)


def _reap(pid: int) -> int:
    """The wait status of the fork, which must have ended or be about to."""
    descriptor = os.pidfd_open(pid)
    if not select.select([descriptor], [], [], _REAP_S)[0]:
        os.kill(pid, signal.SIGKILL)
    os.close(descriptor)
    return os.waitpid(pid, 0)[1]


def _decode(job: Job, handler: Handler, pipe: int, log: int) -> None:
    """The fork's whole life. Never returns."""
    status = 1
    try:
        os.dup2(log, 2)
        sys.dont_write_bytecode = True  # the file size limit would cut a cached module short
        _limit(job)
        with os.fdopen(pipe, "wb", buffering=0, closefd=False) as out:
            for message in _messages(job, handler):
                for chunk in encode(message):
                    _write(out.fileno(), memoryview(chunk))
        status = 0
    except BaseException:  # noqa: BLE001  the fork must not fall back into the loop it was forked from
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(status)


def _write(descriptor: int, chunk: memoryview) -> None:
    while chunk:
        chunk = chunk[os.write(descriptor, chunk) :]


def _messages(job: Job, handler: Handler) -> Iterator[Message]:
    import av

    try:
        yield from handler(job)
        yield End()
    except VideoError as error:
        yield Failure(error.reason.value, error.message)
    except MemoryError:
        yield Failure(
            Reason.OUT_OF_MEMORY.value,
            f"decoding takes more than decode.max_memory_mb={job.limits.max_memory_mb}",
        )
    except av.error.FFmpegError as error:
        yield Failure(Reason.CORRUPT.value, f"FFmpeg: {error.strerror}")


def _limit(job: Job) -> None:
    """Die with the parent, take no more memory and time than allowed, write no files, dump no core."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    memory = used + job.limits.max_memory_mb * 2**20
    seconds = int(job.limits.timeout_s) + 2  # a backstop: the parent's deadline comes first
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, _LOG_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    main()

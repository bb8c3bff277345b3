"""Stand-ins for decoders that do what a C library may do to its process.

Run inside the sandbox, by name.
"""

import ctypes
import os
import signal
import sys
import time

import numpy as np

from trawl.errors import VideoError
from trawl.records.video import FrameBatch, Reason


def batch(size: int = 8) -> FrameBatch:
    index = np.arange(2, dtype=np.int64)
    return FrameBatch(
        np.zeros((2, size, size, 3), np.uint8),
        index,
        index / 25,
        np.full(2, -1, np.int32),
        index > 9,
    )


def abort(job):
    yield batch()
    os.abort()


def mutter_and_abort(job):
    os.write(2, b"[h264 @ 0x1] early\n\n[h264 @ 0x1] \x1b[2Jodd\nAssertion failed\n")
    yield batch()
    os.abort()


def segfault(job):
    ctypes.string_at(0)
    yield batch()


def killed(job):
    yield batch()
    os.kill(os.getpid(), signal.SIGKILL)


def hang(job):
    yield batch()
    time.sleep(1000)


def spin(job):
    yield batch()
    while True:
        pass


def trickle(job):
    while True:
        yield batch()
        time.sleep(0.2)


def burst(job):
    for _ in range(4):
        yield batch(size=1000)


def eat(job):
    hoard = []
    while True:
        hoard.append(np.ones(2**24, np.uint8))
        yield batch()


def leave(job):
    yield batch()
    sys.exit(0)


def stumble(job):
    yield batch()
    raise ZeroDivisionError("a thing nobody thought of")


def shout(job):
    os.write(2, b"noise\n" * 100_000)
    yield batch()


def write(job):
    with job.path.open("wb") as file:
        file.write(bytes(1 << 20))
    yield batch()


def tell_environment(job):
    raise VideoError(Reason.CORRUPT, " ".join(sorted(os.environ)))
    yield


def tell_pids(job):
    raise VideoError(Reason.CORRUPT, f"{os.getppid()} {os.getpid()}")
    yield

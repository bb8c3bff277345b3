"""One writer per dataset: a lease in the storage itself, which a dead holder loses and a live one
keeps.

    <root>/<dataset>/lease/<n>.json       who holds it; created by a conditional put, and the
                                          highest n counts
    <root>/<dataset>/lease/<n>.beat       a number that its holder, and nobody else, replaces every
                                          few seconds
    <root>/<dataset>/lease/<n>.released   the holder is done

No clock is compared with another machine's, so one that is an hour off does no harm: whoever finds
a lease watches its beat, and takes it over only when the beat stood still for `ttl_s` by his own
watch. Needs nothing of the storage but create-if-absent. A holder that slept through its time (a
stopped machine) finds out by `check` before it commits. What still could slip through between a
check and its commit doubles nothing, because rows are replaced by video (`table/frames.py`).
"""

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from trawl.errors import LeaseError, StorageError
from trawl.storage import Storage

_log = logging.getLogger(__name__)
TTL_S = 60.0
_BEATS = 6  # in a ttl
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Holder:
    """Identifies the holder of a lease.

    started_at: by the holder's clock, for people to read.
    """

    host: str
    pid: int
    job: str
    started_at: str
    token: str

    def __str__(self) -> str:
        return f"{self.job} on {self.host} (process {self.pid}, since {self.started_at})"


class Lease:
    """Held while its context is; `hold` makes one."""

    def __init__(self, storage: Storage, folder: str, number: int, ttl_s: float) -> None:
        self._storage, self._folder, self._number, self._ttl_s = storage, folder, number, ttl_s
        self._over = threading.Event()
        self._seen = time.monotonic()  # when the storage last took a beat
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Before anything that must not be done twice.

        Raises:
            LeaseError: another process has taken it, or the storage has taken no beat for so long
                that one may.
            StorageError: the storage failed.
        """
        if max(_numbers(self._storage, self._folder), default=0) != self._number:
            raise LeaseError(
                f"{self._storage.uri(self._folder)} was taken over while this job could not be heard: what it had committed "
                "stays, the rest is for the one that has it now"
            )
        if time.monotonic() - self._seen > self._ttl_s:
            raise LeaseError(
                f"{self._storage.uri(self._folder)} could not be renewed for {self._ttl_s:g} s: nothing more is committed; run "
                "the same command again"
            )

    def release(self) -> None:
        """Let the next one in at once.

        A storage that fails now costs that one a wait, not this one its outcome.
        """
        self._over.set()
        self._thread.join()
        _log.info("lease released", extra={"fields": {"number": self._number}})
        with suppress(StorageError):
            self._storage.write_bytes(f"{self._folder}/{self._number}.released", b"")

    def _beat(self) -> None:
        count = 0
        while not self._over.wait(self._ttl_s / _BEATS):
            count += 1
            try:
                self._storage.write_bytes(
                    f"{self._folder}/{self._number}.beat", str(count).encode()
                )
                self._seen = time.monotonic()
            except StorageError as error:
                told = {"message": str(error), "silent_s": round(time.monotonic() - self._seen, 1)}
                _log.warning("lease not renewed", extra={"fields": told})


@contextmanager
def hold(
    storage: Storage,
    dataset: str,
    job: str,
    ttl_s: float = TTL_S,
    waiting: Callable[[Holder], None] = lambda holder: None,
) -> Iterator[Lease]:
    """Hold a dataset's lease.

    Args:
        job: named to whoever finds it held.
        ttl_s: seconds of silence after which a holder counts as dead. The same for all who share a
            dataset.
        waiting: hears of a holder that may be alive, before up to `ttl_s` are spent on finding out.

    Raises:
        LeaseError: another process holds it; the message says which.
        StorageError: the storage failed.
    """
    folder = f"{dataset}/lease"
    lease = Lease(storage, folder, _take(storage, folder, _me(job), ttl_s, waiting), ttl_s)
    try:
        yield lease
    finally:
        lease.release()


def _take(
    storage: Storage, folder: str, me: Holder, ttl_s: float, waiting: Callable[[Holder], None]
) -> int:
    for _ in range(_TRIES):
        numbers = _numbers(storage, folder)
        last = numbers[-1] if numbers else 0
        if last:
            _wait_for_silence(storage, folder, last, ttl_s, waiting)
        content = json.dumps(asdict(me), indent=1).encode()
        mine = f"{folder}/{last + 1}.json"
        if storage.write_if_absent(mine, content) or _holder(storage, folder, last + 1) == me:
            if max(_numbers(storage, folder)) > last + 1:
                # While this one waited, others held it, went, and were cleared away: the number was
                # free, the lease is not.
                storage.delete(mine)
                continue
            _forget(storage, folder, numbers)
            _log.info("lease taken", extra={"fields": {"number": last + 1}})
            return last + 1
    raise LeaseError(
        f"{storage.uri(folder)}: others take it over and over; run one job per dataset at a time"
    )


def _wait_for_silence(
    storage: Storage, folder: str, number: int, ttl_s: float, waiting: Callable[[Holder], None]
) -> None:
    """Return when lease `number` is free: released, its process seen to be gone, or silent for
    `ttl_s`.

    Raises:
        LeaseError: it beats.
    """
    if storage.exists(f"{folder}/{number}.released"):
        return
    holder = _holder(storage, folder, number)
    if holder is None or _gone(holder):
        return
    waiting(holder)
    _log.info("lease waited for", extra={"fields": {"holder": str(holder), "ttl_s": ttl_s}})
    first, until = _beat_of(storage, folder, number), time.monotonic() + ttl_s
    while time.monotonic() < until:
        time.sleep(ttl_s / _BEATS / 2)
        if storage.exists(f"{folder}/{number}.released"):
            return
        if _beat_of(storage, folder, number) != first:
            raise LeaseError(
                f"{storage.uri(folder)} is held by {holder}: one job writes a dataset at a time; wait for it"
            )


def _gone(holder: Holder) -> bool:
    """Whether it is known to have ended: it ran on this very machine, and no process has its
    number.
    """
    if holder.host != _host():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _me(job: str) -> Holder:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Holder(_host(), os.getpid(), job, now, uuid.uuid4().hex)


def _host() -> str:
    """This machine since its last start, and this container of it: a process's number means nothing
    in another one.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id") as boot:  # noqa: PTH123
            booted = boot.read(8)
        return f"{socket.gethostname()}/{booted}/{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116
    except OSError:
        return f"{socket.gethostname()}/{uuid.getnode():x}"


def _numbers(storage: Storage, folder: str) -> list[int]:
    stems = (name.removesuffix(".json") for name in storage.names(folder) if name.endswith(".json"))
    return sorted(int(stem) for stem in stems if stem.isdecimal())


def _holder(storage: Storage, folder: str, number: int) -> Holder | None:
    """Read the holder; None for a lease that a later one has cleared away meanwhile."""
    name = f"{folder}/{number}.json"
    return Holder(**json.loads(storage.read_bytes(name))) if storage.exists(name) else None


def _beat_of(storage: Storage, folder: str, number: int) -> bytes:
    name = f"{folder}/{number}.beat"
    return storage.read_bytes(name) if storage.exists(name) else b""


def _forget(storage: Storage, folder: str, numbers: list[int]) -> None:
    """Earlier leases say nothing any more, now that a higher one is there."""
    for number in numbers:
        for kind in ("json", "beat", "released"):
            storage.delete(f"{folder}/{number}.{kind}")

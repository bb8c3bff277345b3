"""Copies of remote videos on the local disk, shared by all processes of a machine, and never more
than so many bytes.

The spans of a long video, and the clips of one, are worked on one after the other and beside each
other: they share one download. A copy is known by its video's URI and fingerprint, so it is never
stale; it appears whole, by a rename. Who uses one holds a lock on it that ends with the process,
however that ends; what nobody uses goes, the longest unused first, as soon as all copies together
pass the limit. Copies that a killed process left behind are taken over by the next job, or evicted
by it. Needs a local file system: its locks mean nothing across machines. Knows nothing of where
videos come from.
"""

import errno
import fcntl
import hashlib
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from trawl.errors import StorageError
from trawl.storage.faults import storage_error

# writes all bytes; calls the second every few megabytes
Fill = Callable[[BinaryIO, Callable[[], None]], None]

_LOCK, _PART = "lock-", "part-"  # how the names of all but whole copies begin


class VideoCache:
    """The copies in one folder.

    Two objects of one folder, in one process or in several, are the same cache.
    """

    def __init__(self, scratch: Path, max_bytes: int) -> None:
        """scratch: an existing folder, in which the cache's own is made when it is first used.
        max_bytes: of all copies together; those in use may pass it.
        """
        self._folder = scratch / f"trawl-videos-{os.getuid()}"
        self._max_bytes = max_bytes

    @contextmanager
    def hold(self, uri: str, fingerprint: str, suffix: str, fill: Fill) -> Iterator[Path]:
        """The copy of these bytes, downloaded by `fill` unless it is there; it stays for as long as
        the context is open.

        Of several that ask for the same copy at once, one downloads and the others wait for it.

        Raises:
            StorageError: the folder is somebody else's, or cannot be written to.
            OSError: as `fill` and the disk raise it; ENOSPC where the disk is full although nothing
                unused is left.
        """
        self._make()
        path = self._folder / (
            hashlib.sha256(f"{fingerprint}\n{uri}".encode()).hexdigest()[:32] + suffix
        )
        held = self._take(path, fill)
        try:
            yield path
        finally:
            with suppress(OSError):
                os.utime(held)  # the time of its last use, which the order of eviction goes by
            os.close(held)
            self.trim()

    def trim(self, max_bytes: int | None = None) -> None:
        """Evict what nobody uses, the longest unused first, until the rest is within the limit, or
        within `max_bytes`.
        """
        limit = self._max_bytes if max_bytes is None else max_bytes
        found, total = [], 0
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    facts = entry.stat()
                    found.append(
                        (
                            not entry.name.startswith((_LOCK, _PART)),
                            facts.st_mtime_ns,
                            facts.st_size,
                            entry.path,
                        )
                    )
                    total += facts.st_size
        # first what a dead process left behind: of no use to anybody
        for whole, _, size, path in sorted(found):
            if (not whole or total > limit) and _evict(Path(path)):
                total -= size

    def clear(self) -> None:
        """Evict all that nobody uses."""
        self.trim(0)
        with suppress(OSError):  # copies in use, or a lock that somebody waits for
            self._folder.rmdir()

    def _make(self) -> None:
        """Make the folder; it may be gone again at once, where another process clears the cache."""
        try:
            with suppress(FileExistsError):
                self._folder.mkdir(mode=0o700)
        except OSError as error:
            raise storage_error(error, str(self._folder)) from error
        with suppress(FileNotFoundError):
            found = self._folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                raise StorageError(
                    f"{self._folder} is not a folder of this user; remove it, or set resources.scratch"
                )

    def _take(self, path: Path, fill: Fill) -> int:
        """A descriptor with a shared lock on the whole copy at `path`."""
        while (held := _locked(path, fcntl.LOCK_SH)) is None:
            turn = path.with_name(f"{_LOCK}{path.name}")
            lock = _locked(turn, fcntl.LOCK_EX, os.O_CREAT)
            if lock is None:
                self._make()  # a `clear` took the folder away
                continue
            try:
                if not path.exists():
                    return self._download(path, fill)
            finally:
                turn.unlink(missing_ok=True)
                os.close(lock)
        return held

    def _download(self, path: Path, fill: Fill) -> int:
        try:
            held = self._attempt(path, fill)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            self.trim(0)
            held = self._attempt(path, fill)
        self.trim()
        return held

    def _attempt(self, path: Path, fill: Fill) -> int:
        part = path.with_name(f"{_PART}{uuid.uuid4().hex}")
        while (held := _locked(part, fcntl.LOCK_SH, os.O_CREAT)) is None:
            self._make()
        try:
            with os.fdopen(os.dup(held), "wb") as target:
                fill(target, self.trim)
            part.rename(path)
        except BaseException:
            part.unlink(missing_ok=True)
            os.close(held)
            raise
        return held


def _locked(path: Path, kind: int, create: int = 0) -> int | None:
    """A descriptor of the file at `path` with a lock on it, once there is one; None if there is no
    such file.
    """
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | create, 0o600)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, kind)
        except OSError:  # BlockingIOError, where the lock was not to be waited for, among them
            os.close(descriptor)
            raise
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # deleted while we waited


def _evict(path: Path) -> bool:
    """Whether nobody uses the file, and it is gone."""
    try:
        descriptor = _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    if descriptor is not None:
        path.unlink(missing_ok=True)
        os.close(descriptor)
    return True

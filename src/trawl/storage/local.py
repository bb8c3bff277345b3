"""Small files on a local disk, whole or not at all. The local twin of `s3.py`.

A file becomes visible by one link or rename of a finished temporary file, so a crash leaves either
the whole file or a hidden leftover that nothing lists. Costs a hard link: file systems without them
(some FUSE and SMB mounts) cannot hold an index root. Knows nothing of what the files mean.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trawl.errors import StorageError
from trawl.storage.faults import storage_error


class LocalFiles:
    """Files under the absolute folder `root`; names are relative to it, "/" as separator."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    def read(self, name: str) -> bytes:
        """Raises StorageError when the file is missing or unreadable."""
        with _faults(self._root / name):
            return (self._root / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Replaces the file in one step."""
        with _faults(self._root / name), self._finished(name, data) as temporary:
            temporary.replace(self._root / name)

    def write_if_absent(self, name: str, data: bytes) -> bool:
        """False, and nothing changed, when the file is already there.

        Exactly one of several racers gets True.
        """
        with _faults(self._root / name), self._finished(name, data) as temporary:
            try:
                (self._root / name).hardlink_to(temporary)
            except FileExistsError:
                return False
            _sync_folder((self._root / name).parent)
            return True

    def exists(self, name: str) -> bool:
        with _faults(self._root / name):
            return (self._root / name).exists()

    def names(self, folder: str) -> list[str]:
        """Names of the files directly in `folder`, sorted; empty when it does not exist."""
        with _faults(self._root / folder):
            try:
                entries = list((self._root / folder).iterdir())
            except FileNotFoundError:
                return []
            return sorted(
                entry.name
                for entry in entries
                if entry.is_file() and not entry.name.startswith(".")
            )

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in `folder`, sorted; empty when it does not exist."""
        with _faults(self._root / folder):
            try:
                entries = list((self._root / folder).iterdir())
            except FileNotFoundError:
                return []
            return sorted(
                entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")
            )

    def delete(self, name: str) -> None:
        """A missing file is as good as a deleted one."""
        with _faults(self._root / name):
            (self._root / name).unlink(missing_ok=True)

    def check(self, write: bool) -> None:
        """The root is a folder (for writing: or can become one) that this user can use.

        Raises:
            StorageError: it is a file, is missing, or denies what is asked.
        """
        if self._root.exists() and not self._root.is_dir():
            raise StorageError(f"storage.root {self._root} is a file; name a folder")
        if not write:
            if not os.access(self._root, os.R_OK | os.X_OK):
                why = "denies reading" if self._root.exists() else "does not exist"
                raise StorageError(
                    f"storage.root {self._root} {why}; check the path, or index a dataset into it first"
                )
            return
        with _faults(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
        name = f".check-{uuid.uuid4().hex}"
        self.write_if_absent(name, b"")
        self.delete(name)

    @contextmanager
    def _finished(self, name: str, data: bytes) -> Iterator[Path]:
        """A hidden file beside `name` that holds all of `data` and has reached the disk; gone
        afterwards.
        """
        target = self._root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{target.name}.{uuid.uuid4().hex}"
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """A new name survives a power cut only once its folder has reached the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(error, str(path)) from error

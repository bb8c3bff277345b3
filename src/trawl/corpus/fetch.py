"""A video's bytes as a local file, wherever they lie: itself on a local disk, else a copy that is
shared or gone afterwards.

What is wrong with one video is a VideoError, which costs that video alone; what would be wrong with
every other as well (expired credentials, a scratch folder that cannot be used) is a StorageError.
"""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from trawl.config.data import StorageConfig
from trawl.corpus.cache import VideoCache
from trawl.corpus.files import MISSING, local_path, open_fsspec, scheme_of
from trawl.errors import StorageError, VideoError
from trawl.records.video import Reason
from trawl.storage.faults import kind_of, storage_error
from trawl.storage.root import endpoint_of
from trawl.storage.s3 import S3Files, split
from trawl.storage.veil import place, scrub

_CHUNK_BYTES = 4 * 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def localize(
    uri: str,
    config: StorageConfig,
    scratch_dir: Path,
    max_bytes: int,
    fingerprint: str | None = None,
) -> Iterator[Path]:
    """The file as a local, absolute path: itself if it is local, else a copy in `scratch_dir`.

    Args:
        scratch_dir: an existing folder, for remote files only.
        max_bytes: a longer file is refused, before or while it is copied.
        fingerprint: as it was listed, or as a manifest's row extends it. The copy is then shared
            with others and stays in the cache (`cache.py`) afterwards; an object on S3 that is not
            of this fingerprint any more is refused. None: the copy is gone afterwards.

    Raises:
        VideoError: UNREADABLE (missing, refused, changed, no regular file, no space for a copy) or
            TOO_LARGE.
        StorageError: the scratch folder cannot be used, or the credentials have expired: not this
            video's fault.
    """
    if scheme_of(uri) == "file":
        path = local_path(uri).absolute()
        _check_readable(path, max_bytes)
        yield path
        return
    suffix = PurePosixPath(place(uri)).suffix[:16]
    listed = (fingerprint or MISSING).partition("+")[0]
    with contextlib.ExitStack() as stack:
        try:
            if listed == MISSING or not config.cache_mb:
                path = stack.enter_context(
                    _private_copy(uri, config, scratch_dir, suffix, max_bytes)
                )
            else:
                cache = VideoCache(scratch_dir, config.cache_mb * 2**20)
                fill = partial(_copy, uri, config, max_bytes, listed)
                path = stack.enter_context(cache.hold(uri, listed, suffix, fill))
        except OSError as error:
            if error.errno not in _FULL:
                raise storage_error(error, str(scratch_dir)) from error
            raise VideoError(
                Reason.UNREADABLE,
                f"no space for a copy in {scratch_dir}: free some, or set resources.scratch",
            ) from error
        yield path


@contextmanager
def _private_copy(
    uri: str, config: StorageConfig, folder: Path, suffix: str, max_bytes: int
) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(suffix=suffix, dir=folder)
    try:
        with os.fdopen(handle, "wb") as target:
            _copy(uri, config, max_bytes, None, target, lambda: None)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _check_readable(path: Path, max_bytes: int) -> None:
    """Refuse what would hang (a pipe), read for ever (a device) or fail later."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise VideoError(Reason.UNREADABLE, "it is not a regular file")
        with path.open("rb"):
            pass
    except OSError as error:
        raise VideoError(Reason.UNREADABLE, error.strerror or str(error)) from error
    _check_size(found.st_size, max_bytes)


def _check_size(size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise VideoError(
            Reason.TOO_LARGE, f"{size_bytes:,} bytes; the limit is {max_bytes:,} (decode.max_bytes)"
        )


def _copy(
    uri: str,
    config: StorageConfig,
    max_bytes: int,
    fingerprint: str | None,
    target: BinaryIO,
    tick: Callable[[], None],
) -> None:
    try:
        with contextlib.closing(_chunks(uri, config, fingerprint, target)) as progress:
            for done in progress:
                _check_size(done, max_bytes)
                tick()
    except _refusals() as error:
        full = isinstance(error, OSError) and error.errno in _FULL
        if full or (
            error.__cause__ is not None and kind_of(error.__cause__) in ("expired", "clock")
        ):
            raise  # every other video would fail as well
        raise VideoError(Reason.UNREADABLE, scrub(" ".join(str(error).split()), uri)) from error


def _refusals() -> tuple[type[Exception], ...]:
    """Turn the errors of our own client and of fsspec's into one; fsspec lets through what http
    itself raises.
    """
    from aiohttp import ClientError

    return StorageError, OSError, ImportError, ValueError, ClientError


def _chunks(
    uri: str, config: StorageConfig, fingerprint: str | None, target: BinaryIO
) -> Generator[int, None, None]:
    if scheme_of(uri) == "s3":
        bucket, key = split(uri)
        yield from S3Files(bucket, "", endpoint_of(config)).download(key, target, fingerprint)
        return
    fs, path = open_fsspec(uri)
    done = 0
    with fs.open(path, "rb") as source:
        while chunk := source.read(_CHUNK_BYTES):
            done += target.write(chunk)
            yield done

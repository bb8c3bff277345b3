"""The dataset's side of storage: list, stat and fetch files at any URI, local, S3 or another that fsspec opens.

Three kinds of place, chosen by the URI's scheme: the local disk (no scheme, or file://), S3 by our own client (streamed
listings, so that a bucket of a million keys costs one page of memory), and fsspec for the rest. A dataset that cannot be
listed is a DatasetError; a file that cannot be read is a VideoError, which costs that video alone.
"""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import quote, unquote_to_bytes

from trawl.config import StorageConfig
from trawl.errors import DatasetError, StorageError, VideoError
from trawl.records import Reason
from trawl.storage.cache import VideoCache
from trawl.storage.faults import kind_of, storage_error
from trawl.storage.root import endpoint_of
from trawl.storage.s3 import S3Files, split
from trawl.storage.veil import place, scrub, veil

_CHUNK_BYTES = 4 * 2**20
MISSING = "missing"  # the fingerprint of a file that is named but not there


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file as listed. path is relative to the listed folder, "/" as separator; uri opens it.

    fingerprint changes when the bytes do: an object's etag, or size and mtime; "missing" when there is no such file.
    """

    path: str
    uri: str
    size_bytes: int
    fingerprint: str


def list_files(uri: str, config: StorageConfig) -> Iterator[FileInfo]:
    """Every file below the folder `uri`, recursively, streamed; hidden files and folders (".x") are left out.

    Symbolic links are followed; a link back to a folder that holds it is not. A URI that names one file lists that file.

    Raises:
        DatasetError: the folder does not exist or some of it cannot be listed (half a listing would look like removals).
    """
    scheme = scheme_of(uri)
    try:
        if scheme == "s3":
            yield from _list_s3(uri, config)
        elif scheme == "file":
            yield from _list_local(local_path(uri))
        else:
            yield from _list_fsspec(uri)
    except StorageError as error:
        raise DatasetError(f"dataset.uri {veil(uri)} cannot be listed: {error}") from error
    except (OSError, ImportError, ValueError) as error:
        why = scrub(" ".join(str(error).split()), uri)
        raise DatasetError(f"dataset.uri {veil(uri)} cannot be listed: {why}") from error


def stat_file(uri: str, path: str, config: StorageConfig) -> FileInfo:
    """One file by its URI. A file that is not there has the fingerprint "missing" and size 0: no error.

    Raises:
        StorageError: the storage refused or could not be reached.
    """
    scheme = scheme_of(uri)
    if scheme == "s3":
        bucket, key = split(uri)
        found = S3Files(bucket, "", endpoint_of(config)).head(key)
        return FileInfo(path, uri, found.size_bytes, found.etag) if found else FileInfo(path, uri, 0, MISSING)
    if scheme == "file":
        try:
            return _local_info(local_path(uri), path)
        except OSError:
            return FileInfo(path, uri, 0, MISSING)
    try:
        return _fsspec_info(_open_fsspec(uri)[0].info(uri), path, uri)
    except (OSError, ImportError, ValueError):
        return FileInfo(path, uri, 0, MISSING)


@contextmanager
def localize(
    uri: str, config: StorageConfig, scratch_dir: Path, max_bytes: int, fingerprint: str | None = None
) -> Iterator[Path]:
    """The file as a local, absolute path: itself if it is local, else a copy in `scratch_dir`.

    Args:
        scratch_dir: an existing folder, for remote files only.
        max_bytes: a longer file is refused, before or while it is copied.
        fingerprint: as it was listed, or as a manifest's row extends it. The copy is then shared with others and stays in the
            cache (`cache.py`) afterwards; an object on S3 that is not of this fingerprint any more is refused. None: the copy is
            gone afterwards.

    Raises:
        VideoError: UNREADABLE (missing, refused, changed, no regular file, no space for a copy) or TOO_LARGE.
        StorageError: the scratch folder cannot be used, or the credentials have expired: not this video's fault.
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
                path = stack.enter_context(_private_copy(uri, config, scratch_dir, suffix, max_bytes))
            else:
                cache = VideoCache(scratch_dir, config.cache_mb * 2**20)
                fill = partial(_copy, uri, config, max_bytes, listed)
                path = stack.enter_context(cache.hold(uri, listed, suffix, fill))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise storage_error(error, str(scratch_dir)) from error
            raise VideoError(
                Reason.UNREADABLE, f"no space for a copy in {scratch_dir}: free some, or set resources.scratch"
            ) from error
        yield path


@contextmanager
def _private_copy(uri: str, config: StorageConfig, folder: Path, suffix: str, max_bytes: int) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(suffix=suffix, dir=folder)
    try:
        with os.fdopen(handle, "wb") as target:
            _copy(uri, config, max_bytes, None, target, lambda: None)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def scheme_of(uri: str) -> str:
    """ "file" for a plain path; the part before "://" otherwise.

    >>> scheme_of("/a/b"), scheme_of("s3://b/k"), scheme_of("simplecache::s3://b/k")
    ('file', 's3', 'simplecache::s3')
    """
    scheme, separator, _ = uri.partition("://")
    return scheme if separator else "file"


def local_path(uri: str) -> Path:
    """The path of a plain path or a file:// URI, percent-escapes undone where the literal name does not exist.

    Names that are no UTF-8 travel as escapes, since a table's strings must be UTF-8.
    """
    if "://" not in uri:
        return Path(uri).expanduser()
    literal = Path(uri.partition("://")[2])
    return literal if literal.exists() else Path(os.fsdecode(unquote_to_bytes(str(literal))))


def absolute_uri(uri: str) -> str:
    """The same place, whatever the working directory."""
    return str(local_path(uri).absolute()) if scheme_of(uri) == "file" else uri.rstrip("/")


def _list_local(root: Path) -> Iterator[FileInfo]:
    root = root.absolute()
    if root.is_file():
        yield _local_info(root, root.name)
        return
    folders: list[tuple[Path, str, tuple[tuple[int, int], ...]]] = [(root, "", (_identity(root),))]
    while folders:
        folder, prefix, holders = folders.pop()
        with os.scandir(folder) as scan:
            entries = sorted((entry for entry in scan if not entry.name.startswith(".")), key=lambda entry: entry.name)
        for entry in entries:
            if not _is_folder(entry):
                yield _local_info(Path(entry.path), prefix + entry.name)
                continue
            inside = Path(entry.path)
            identity = _identity(inside)
            if identity not in holders:
                folders.append((inside, f"{prefix}{entry.name}/", (*holders, identity)))


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _local_info(path: Path, relative: str) -> FileInfo:
    uri, shown = _utf8(str(path)), relative.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    try:
        found = path.stat()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        return FileInfo(shown, uri, 0, MISSING)  # a dangling link, or deleted since
    return FileInfo(shown, uri, found.st_size, f"{found.st_size}-{found.st_mtime_ns}")


def _utf8(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        return "file://" + quote(os.fsencode(path))
    return path


def _list_s3(uri: str, config: StorageConfig) -> Iterator[FileInfo]:
    bucket, prefix = split(uri)
    prefix = prefix.rstrip("/")
    files = S3Files(bucket, f"{prefix}/" if prefix else "", endpoint_of(config))
    empty = True
    for found in files.objects():
        empty = False
        if not found.key.endswith("/") and not _hidden(found.key):
            yield FileInfo(
                found.key, f"s3://{bucket}/{prefix + '/' if prefix else ''}{found.key}", found.size_bytes, found.etag
            )
    if empty and prefix:
        one = stat_file(uri, PurePosixPath(prefix).name, config)
        if one.fingerprint != MISSING:
            yield one


def _list_fsspec(uri: str) -> Iterator[FileInfo]:
    fs, root = _open_fsspec(uri)
    if not fs.exists(root):
        raise FileNotFoundError("it does not exist")
    if fs.isfile(root):
        yield _fsspec_info(fs.info(root), PurePosixPath(root).name, fs.unstrip_protocol(root))
        return
    for folder, _, files in fs.walk(root, detail=True, on_error="raise"):
        for name, info in sorted(files.items()):
            relative = f"{folder}/{name}".removeprefix(root.rstrip("/")).lstrip("/")
            if not _hidden(relative):
                yield _fsspec_info(info, relative, fs.unstrip_protocol(f"{folder}/{name}"))


def _open_fsspec(uri: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    fs, path = url_to_fs(uri)
    return fs, str(path)


def _fsspec_info(info: dict[str, Any], path: str, uri: str) -> FileInfo:
    size = int(info.get("size") or 0)
    changed = next(
        (info[key] for key in ("ETag", "etag", "md5", "mtime", "LastModified", "created") if info.get(key)), ""
    )
    return FileInfo(path, uri, size, str(info.get("ETag") or info.get("etag") or f"{size}-{changed}").strip('"'))


def _hidden(path: str) -> bool:
    return path.startswith(".") or "/." in path


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
        raise VideoError(Reason.TOO_LARGE, f"{size_bytes:,} bytes; the limit is {max_bytes:,} (decode.max_bytes)")


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
    except (StorageError, OSError, ImportError, ValueError) as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or (error.__cause__ is not None and kind_of(error.__cause__) in ("expired", "clock")):
            raise  # every other video would fail as well
        raise VideoError(Reason.UNREADABLE, scrub(" ".join(str(error).split()), uri)) from error


def _chunks(uri: str, config: StorageConfig, fingerprint: str | None, target: BinaryIO) -> Generator[int, None, None]:
    if scheme_of(uri) == "s3":
        bucket, key = split(uri)
        yield from S3Files(bucket, "", endpoint_of(config)).download(key, target, fingerprint)
        return
    fs, path = _open_fsspec(uri)
    done = 0
    with fs.open(path, "rb") as source:
        while chunk := source.read(_CHUNK_BYTES):
            done += target.write(chunk)
            yield done

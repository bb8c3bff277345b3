"""The dataset's side of storage: list and stat files at any URI, local, S3 or another that fsspec
opens.

Three kinds of place, chosen by the URI's scheme: the local disk (no scheme, or file://), S3 by our
own client (streamed listings, so that a bucket of a million keys costs one page of memory), and
fsspec for the rest. A dataset that cannot be listed is a DatasetError.
"""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from trawl.config.data import StorageConfig
from trawl.errors import DatasetError, StorageError
from trawl.storage.root import endpoint_of
from trawl.storage.s3 import S3Files, split
from trawl.storage.veil import scrub, veil

MISSING = "missing"  # the fingerprint of a file that is named but not there


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file as listed. path is relative to the listed folder, "/" as separator; uri opens it.

    fingerprint changes when the bytes do: an object's etag, or size and mtime; "missing" when there
    is no such file.
    """

    path: str
    uri: str
    size_bytes: int
    fingerprint: str


def list_files(uri: str, config: StorageConfig) -> Iterator[FileInfo]:
    """Every file below the folder `uri`, recursively, streamed; hidden files and folders (".x") are
    left out.

    Symbolic links are followed; a link back to a folder that holds it is not. A URI that names one
    file lists that file.

    Raises:
        DatasetError: the folder does not exist or some of it cannot be listed (half a listing would
            look like removals).
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
    """One file by its URI.

    A file that is not there has the fingerprint "missing" and size 0: no error.

    Raises:
        StorageError: the storage refused or could not be reached.
    """
    scheme = scheme_of(uri)
    if scheme == "s3":
        bucket, key = split(uri)
        found = S3Files(bucket, "", endpoint_of(config)).head(key)
        return (
            FileInfo(path, uri, found.size_bytes, found.etag)
            if found
            else FileInfo(path, uri, 0, MISSING)
        )
    if scheme == "file":
        try:
            return _local_info(local_path(uri), path)
        except OSError:
            return FileInfo(path, uri, 0, MISSING)
    try:
        return _fsspec_info(open_fsspec(uri)[0].info(uri), path, uri)
    except (OSError, ImportError, ValueError):
        return FileInfo(path, uri, 0, MISSING)


def scheme_of(uri: str) -> str:
    """ "file" for a plain path; the part before "://" otherwise.

    >>> scheme_of("/a/b"), scheme_of("s3://b/k"), scheme_of("simplecache::s3://b/k")
    ('file', 's3', 'simplecache::s3')
    """
    scheme, separator, _ = uri.partition("://")
    return scheme if separator else "file"


def local_path(uri: str) -> Path:
    """The path of a plain path or a file:// URI, percent-escapes undone where the literal name does
    not exist.

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
            entries = sorted(
                (entry for entry in scan if not entry.name.startswith(".")),
                key=lambda entry: entry.name,
            )
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
    uri, shown = (
        _utf8(str(path)),
        relative.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"),
    )
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
                found.key,
                f"s3://{bucket}/{prefix + '/' if prefix else ''}{found.key}",
                found.size_bytes,
                found.etag,
            )
    if empty and prefix:
        one = stat_file(uri, PurePosixPath(prefix).name, config)
        if one.fingerprint != MISSING:
            yield one


def _list_fsspec(uri: str) -> Iterator[FileInfo]:
    fs, root = open_fsspec(uri)
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


def open_fsspec(uri: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    fs, path = url_to_fs(uri)
    return fs, str(path)


def _fsspec_info(info: dict[str, Any], path: str, uri: str) -> FileInfo:
    size = int(info.get("size") or 0)
    changed = next(
        (
            info[key]
            for key in ("ETag", "etag", "md5", "mtime", "LastModified", "created")
            if info.get(key)
        ),
        "",
    )
    return FileInfo(
        path, uri, size, str(info.get("ETag") or info.get("etag") or f"{size}-{changed}").strip('"')
    )


def _hidden(path: str) -> bool:
    return path.startswith(".") or "/." in path

"""The corpus as a stream of VideoFile: what a folder, a manifest or the demo holds.

Nothing is opened: a listing and, for a manifest, one stat per row. Which bytes are a video is
decided later, by looking at them; a suffix only decides what is worth looking at. Memory is flat in
the number of videos, a manifest's duplicate check aside (8 bytes a row).
"""

import csv
import hashlib
import json
import re
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from trawl.config.data import DatasetConfig, StorageConfig
from trawl.corpus.fetch import localize
from trawl.corpus.files import MISSING, FileInfo, absolute_uri, list_files, scheme_of, stat_file
from trawl.errors import DatasetError, StorageError, VideoError, did_you_mean
from trawl.records.video import VideoFile
from trawl.storage.faults import kind_of
from trawl.storage.veil import is_veiled, place, scrubbed, veil

# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".divx", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".m2v", ".vob",
    ".flv", ".f4v", ".wmv", ".asf", ".3gp", ".3g2", ".ogv", ".ogm", ".mxf", ".gif", ".h264", ".264", ".h265", ".265", ".hevc",
    ".ivf", ".y4m", ".rm", ".rmvb", ".dv",
})
# fmt: on
_KINDS = ("demo", "folder", "manifest")
_MANIFEST_BYTES = 2**33
_STATS_AT_ONCE = 16


class Listing:
    """Iterate it for the videos.

    `ignored` then counts, by suffix, the files that a folder holds besides.
    """

    def __init__(self, config: DatasetConfig, storage: StorageConfig) -> None:
        self._config, self._storage = config, storage
        self.ignored: Counter[str] = Counter()

    def __iter__(self) -> Iterator[VideoFile]:
        self.ignored.clear()
        if self._config.kind == "manifest":
            videos = _manifest(self._config, self._storage)
        else:
            videos = _folder(self._config, self._storage, self.ignored)
        empty = True
        for video in videos:
            empty = False
            yield video
        if empty:
            raise DatasetError(self._nothing())

    def _nothing(self) -> str:
        where = f"dataset.uri {veil(self._config.uri)}"
        if self._config.kind == "manifest":
            return f"{where} lists no video: it has no rows"
        if self.ignored:
            seen = ", ".join(f"{count} {suffix}" for suffix, count in self.ignored.most_common(5))
            return f"{where} holds no video that matches dataset.glob={self._config.glob!r}; besides, it holds: {seen}"
        return f"{where} holds no video: it does not exist or is empty; check the path"


def list_videos(config: DatasetConfig, storage: StorageConfig) -> Listing:
    """The dataset's videos, streamed, each once.

    A folder's video_id is the path inside it. `glob` is matched against that path, "**" for any
    folders; unless its last part names a suffix, only files with a video's suffix count. Zero-byte
    and mislabelled files are listed like any other. A manifest's video_id is `id_column`, or else
    the URI: relative ones as they stand, absolute ones without their scheme, or relative to the
    manifest's folder where they lie in it, without what may be a credential (`storage/veil.py`), so
    that a newly signed URL is no new video. Its other columns become `metadata` and part of the
    fingerprint, so that an edited row is indexed anew; a file that is not there is listed with the
    fingerprint "missing".

    Raises (the settings at once, the rest while iterating):
        DatasetError: unknown kind; missing, unreadable or empty dataset; a manifest without its
            columns or with duplicates.
    """
    if config.kind not in _KINDS:
        raise DatasetError(
            f"dataset.kind={config.kind!r} is unknown; {did_you_mean(config.kind, _KINDS)}"
        )
    return Listing(config, storage)


def dataset_name(config: DatasetConfig) -> str:
    """The dataset's folder under the storage root: its name, or one made from where it lies.

    >>> dataset_name(DatasetConfig(kind="folder", uri="s3://media/Dash Cam/2026/"))
    '2026-dcebb1'

    Raises:
        DatasetError: `dataset.name` would not be safe as a folder and an S3 prefix.
    """
    if config.name is not None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", config.name):
            allowed = "1-64 of letters, digits, '.', '_' and '-', the first a letter or a digit"
            raise DatasetError(f"dataset.name={config.name!r} cannot name a folder; use {allowed}")
        return config.name
    uri = place(absolute_uri(config.uri))
    slug = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(uri).stem.lower()).strip("-")[:40]
    return f"{slug or 'dataset'}-{hashlib.sha256(uri.encode('utf-8', 'surrogateescape')).hexdigest()[:6]}"


def _folder(
    config: DatasetConfig, storage: StorageConfig, ignored: Counter[str]
) -> Iterator[VideoFile]:
    from fsspec.utils import glob_translate

    uri = f"{config.uri.rstrip('/')}/videos" if config.kind == "demo" else config.uri
    try:
        wanted = re.compile(glob_translate(config.glob))
    except (ValueError, re.error) as error:
        raise DatasetError(f"dataset.glob={config.glob!r} is no pattern: {error}") from error
    any_suffix = "." in config.glob.rsplit("/", 1)[-1]
    for found in list_files(uri, storage):
        suffix = PurePosixPath(found.path).suffix.lower()
        if wanted.match(found.path) and (any_suffix or suffix in VIDEO_SUFFIXES):
            yield VideoFile(found.path, found.uri, found.size_bytes, found.fingerprint)
        else:
            ignored[suffix or "without suffix"] += 1


def _manifest(config: DatasetConfig, storage: StorageConfig) -> Iterator[VideoFile]:
    with _local_manifest(config, storage) as path:
        rows = _parquet_rows if _is_parquet(path) else _csv_rows
        _refuse_duplicates(
            config, (_identify(config, n, row)[0] for n, row in enumerate(rows(config, path), 1))
        )
        entries = ((*_identify(config, n, row), row) for n, row in enumerate(rows(config, path), 1))
        workers = _STATS_AT_ONCE if scheme_of(config.uri) != "file" else 4
        with ThreadPoolExecutor(workers) as pool:
            while chunk := list(islice(entries, 1024)):
                found = pool.map(lambda entry: _stat(config, entry[1], entry[0], storage), chunk)
                for info, (_, _, row) in zip(found, chunk, strict=True):
                    yield _described(config, info, row)


@contextmanager
def _local_manifest(config: DatasetConfig, storage: StorageConfig) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="trawl-manifest-") as scratch:
        try:
            with localize(config.uri, storage, Path(scratch), _MANIFEST_BYTES) as path:
                yield path
        except VideoError as error:
            raise DatasetError(
                f"dataset.uri {veil(config.uri)} cannot be read as a manifest: {error.message}"
            ) from error


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _csv_rows(config: DatasetConfig, path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _check_columns(config, reader.fieldnames or [])
            for row in reader:
                if None in row or None in row.values():
                    raise DatasetError(
                        f"{veil(config.uri)} line {reader.line_num}: its number of fields is not the header's"
                    )
                yield {name: _csv_value(text) for name, text in row.items()} | _texts(config, row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            f"dataset.uri {veil(config.uri)} is neither Parquet nor CSV in UTF-8: {error}"
        ) from error


def _parquet_rows(config: DatasetConfig, path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check_columns(config, file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=4096):
                yield from batch.to_pylist()
    except pa.ArrowInvalid as error:
        raise DatasetError(
            f"dataset.uri {veil(config.uri)} is damaged: {' '.join(str(error).split())}"
        ) from error


def _check_columns(config: DatasetConfig, names: list[str] | Any) -> None:
    for setting, column in (("uri_column", config.uri_column), ("id_column", config.id_column)):
        if column is not None and column not in names:
            raise DatasetError(
                f"dataset.{setting}={column!r} is no column of {veil(config.uri)}; {did_you_mean(column, map(str, names))}"
            )


def _texts(config: DatasetConfig, row: dict[str, Any]) -> dict[str, Any]:
    """Ids and URIs stay as written: "007" is no number."""
    return {
        column: row[column]
        for column in (config.uri_column, config.id_column)
        if column is not None
    }


def _csv_value(text: str) -> Any:
    """A CSV knows no types: plain numbers and true/false become such, the empty field nothing, the
    rest stays text.
    """
    if re.fullmatch(r"-?(0|[1-9]\d{0,17})", text):
        return int(text)
    if re.fullmatch(r"-?(0|[1-9]\d*)\.\d+([eE][-+]?\d{1,3})?", text):
        return float(text)
    return {"": None, "true": True, "false": False}.get(text.lower(), text)


def _identify(config: DatasetConfig, number: int, row: dict[str, Any]) -> tuple[str, str]:
    """(video_id, uri) of a row."""
    written = row[config.uri_column]
    if not isinstance(written, str) or not written.strip():
        raise DatasetError(
            f"{veil(config.uri)} row {number}: {config.uri_column} is empty or no text ({written!r})"
        )
    home = _home(config)
    relative = (
        scheme_of(written) == "file" and "://" not in written and not written.startswith(("/", "~"))
    )
    uri = f"{home}/{written.removeprefix('./')}" if relative else absolute_uri(written)
    if config.id_column is not None:
        return place(str(row[config.id_column])), uri
    told, home = place(uri), place(home)
    inside = told.startswith(f"{home}/") and ".." not in PurePosixPath(written).parts
    return told.removeprefix(f"{home}/") if inside else told.partition("://")[2] or told.lstrip(
        "/"
    ), uri


def _home(config: DatasetConfig) -> str:
    """The manifest's folder; a signature of the manifest opens nothing else, a user and password
    may.
    """
    uri = absolute_uri(config.uri)
    return (
        re.split(r"[?#]", uri)[0] if uri.startswith(("http://", "https://")) else uri
    ).rpartition("/")[0]


def reopen(
    config: DatasetConfig, storage: StorageConfig, uris: Mapping[str, str]
) -> dict[str, str]:
    """Return the URIs that open these videos now, by video_id.

    What is stored of a URI may lack its credentials (`storage/veil.py`). The dataset has them, and
    newer ones than those that the video was indexed with. A video that it no longer names keeps
    what was stored, and cannot be opened.

    Args:
        uris: as stored, by video_id; those that lack nothing come back as they are, and cost
            nothing.

    Raises:
        DatasetError: the manifest cannot be read.
    """
    opening, wanted = dict(uris), {video_id for video_id, uri in uris.items() if is_veiled(uri)}
    if not wanted:
        return opening
    if config.kind != "manifest":
        base = absolute_uri(config.uri)
        return {
            video_id: uri.replace(veil(base), base, 1) if uri.startswith(veil(base)) else uri
            for video_id, uri in uris.items()
        }
    with _local_manifest(config, storage) as path:
        rows = _parquet_rows if _is_parquet(path) else _csv_rows
        for number, row in enumerate(rows(config, path), 1):
            video_id, uri = _identify(config, number, row)
            if video_id in wanted:
                opening[video_id] = uri
    return opening


def _refuse_duplicates(config: DatasetConfig, ids: Iterator[str]) -> None:
    hashes = array(
        "Q",
        (
            int.from_bytes(hashlib.blake2b(i.encode(), digest_size=8).digest(), "little")
            for i in ids
        ),
    )
    ordered = np.sort(np.frombuffer(hashes, np.uint64))
    repeated = int((ordered[1:] == ordered[:-1]).sum())
    if repeated:
        column = config.id_column or config.uri_column
        more = (
            ""
            if config.id_column
            else " (what follows a '?' in a URL does not count; dataset.id_column may name the videos)"
        )
        raise DatasetError(
            f"{veil(config.uri)} names {repeated} videos more than once; make its column {column!r} unique{more}"
        )


def _stat(config: DatasetConfig, uri: str, video_id: str, storage: StorageConfig) -> FileInfo:
    """One file's refusal costs that file; a storage that cannot be reached would cost them all, so
    it ends the job.
    """
    try:
        return stat_file(uri, video_id, storage)
    except StorageError as error:
        if error.__cause__ is not None and kind_of(error.__cause__) in (
            "unreachable",
            "no_credentials",
        ):
            raise DatasetError(f"{veil(config.uri)} names {veil(uri)}: {error}") from error
        return FileInfo(video_id, uri, 0, MISSING)


def _described(config: DatasetConfig, info: FileInfo, row: dict[str, Any]) -> VideoFile:
    named = (config.uri_column, config.id_column)
    metadata = scrubbed(
        {key: value for key, value in row.items() if key not in named and value is not None}
    )
    fingerprint = info.fingerprint
    if metadata and fingerprint != MISSING:
        text = json.dumps(metadata, sort_keys=True, default=str)
        fingerprint += f"+{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return VideoFile(info.path, info.uri, info.size_bytes, fingerprint, metadata)

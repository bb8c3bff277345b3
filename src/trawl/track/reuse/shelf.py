"""Keeps what is known of one stretch of one video at one stage: a Parquet file, read when it is
first asked, written at the end.
"""

import contextlib
import io
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from trawl.config.steps import CacheConfig
from trawl.errors import StorageError
from trawl.storage import Storage
from trawl.track.reuse import REUSE_VERSION

Row = dict[str, Any]
_MARK = b"trawl.reuse_version"


class Shelf:
    """Rows by key.

    Two that write the same file do no harm: the later one's rows stay, the other's are computed
    again.
    """

    def __init__(self, storage: Storage, name: str, schema: pa.Schema) -> None:
        """
        Args:
            name: of the file below the root.
            schema: with a column `key`; from `schemas.py`.
        """
        self._storage, self._name = storage, name
        self._schema = schema.with_metadata({_MARK: str(REUSE_VERSION).encode()})
        self._rows: dict[str, Row] | None = None
        self._changed = False

    def get(self, key: str) -> Row | None:
        """The row, or None where nothing is known."""
        if self._rows is None:
            self._rows = self._read()
        return self._rows.get(key)

    def put(self, key: str, **values: Any) -> None:
        """Remember a row; the file has it after `save`."""
        if self._rows is None:
            self._rows = self._read()
        self._rows[key] = {"key": key, **values}
        self._changed = True

    def save(self) -> None:
        """Write the file if there is something new.

        Raises:
            StorageError: the storage failed.
        """
        if not self._changed or self._rows is None:
            return
        import pyarrow.parquet as pq

        sink = io.BytesIO()
        table = pa.Table.from_pylist(list(self._rows.values()), schema=self._schema)
        pq.write_table(table, sink, compression="zstd")
        self._storage.write_bytes(self._name, sink.getvalue())
        self._changed = False

    def _read(self) -> dict[str, Row]:
        """Nothing where the file is missing, damaged or not one of ours: all of it can be computed
        again.
        """
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(pa.BufferReader(self._storage.read_bytes(self._name)))
        except (StorageError, pa.ArrowException, OSError):
            return {}
        if (
            table.schema != self._schema
            or (table.schema.metadata or {}).get(_MARK) != str(REUSE_VERSION).encode()
        ):
            return {}
        return {row["key"]: row for row in table.to_pylist()}


# What is counted, and the part of the work whose time it takes.
PART_OF = {"frames_grounded": "ground", "object_frames": "track", "crops": "embed"}


@dataclass(slots=True)
class Tally:
    """saved, made: how many of each of `PART_OF`; an object on a frame counts for each way it is
    followed. saved_cpu_s: by part, the CPU seconds that computing it took when it was computed.
    """

    saved: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    saved_cpu_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def save(self, kind: str, count: int, cpu_s: float) -> None:
        """Something was known."""
        self.saved[kind] += count
        self.saved_cpu_s[PART_OF[kind]] += cpu_s

    def make(self, kind: str, count: int) -> None:
        """Something was computed."""
        self.made[kind] += count


FOLDER = "cache"  # below the dataset


def clean(storage: Storage, dataset: str, config: CacheConfig) -> int:
    """Remove files that were written longer than `max_age_d` ago, then the oldest while there is
    more than `max_gb`.

    Returns how many went. A reader that comes late finds nothing, and computes it again.
    """
    from pyarrow import fs

    filesystem, root = storage.arrow()
    under = f"{root}/{dataset}/{FOLDER}"
    entries = filesystem.get_file_info(fs.FileSelector(under, allow_not_found=True, recursive=True))
    files = sorted((one for one in entries if one.is_file), key=lambda one: one.mtime_ns or 0)
    oldest_ns = time.time_ns() - int(config.max_age_d * 86_400e9)
    size, removed = sum(one.size for one in files), 0
    for one in files:
        if (one.mtime_ns or 0) >= oldest_ns and size <= config.max_gb * 1e9:
            break
        with contextlib.suppress(FileNotFoundError):  # another run cleans too
            filesystem.delete_file(one.path)
        size -= one.size
        removed += 1
    return removed

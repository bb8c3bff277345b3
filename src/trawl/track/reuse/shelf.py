"""What is known of one stretch of one video at one stage: a Parquet file, read when it is first asked, written at the end."""

import io
from typing import Any

import pyarrow as pa

from trawl.errors import StorageError
from trawl.storage import Storage
from trawl.track.reuse import REUSE_VERSION

Row = dict[str, Any]
_MARK = b"trawl.reuse_version"


class Shelf:
    """Rows by key. Two that write the same file do no harm: the later one's rows stay, the other's are computed again."""

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
        """Nothing where the file is missing, damaged or not one of ours: all of it can be computed again."""
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(pa.BufferReader(self._storage.read_bytes(self._name)))
        except (StorageError, pa.ArrowException, OSError):
            return {}
        if table.schema != self._schema or (table.schema.metadata or {}).get(_MARK) != str(REUSE_VERSION).encode():
            return {}
        return {row["key"]: row for row in table.to_pylist()}

"""`videos.lance`, the ledger: one row per video and what became of it.

One process writes it, after the frames it speaks of are committed. Rows are merged by video_id, so
writing the same rows twice changes nothing. There is no index on video_id: a merge through one may
double rows, and a scan of this narrow table is quick. Knows nothing of frames.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from trawl.records.video import Status
from trawl.schemas import VIDEOS
from trawl.storage import lance_faults
from trawl.table.frames import in_list, open_or_create

_KEY = "video_id"
_TRIES = 3
# Lance checks merges that run at the same time against this key.
_PRIMARY = {b"lance-schema:unenforced-primary-key": b"true"}


@dataclass(frozen=True)
class Ledger:
    """The ledger as of one version, which it keeps reading; `upsert` gives the next.

    `open_ledger` makes one.
    """

    _dataset: Any
    _options: dict[str, str] = field(repr=False)

    @property
    def version(self) -> int:
        return int(self._dataset.version)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """All rows, these columns only, in the same order each time. What a plan reads."""
        with lance_faults(self._dataset.uri):
            yield from self._dataset.to_batches(
                columns=columns, scan_in_order=True, batch_size=8192
            )

    def read(self, where: str | None = None, columns: list[str] | None = None) -> pa.Table:
        """Rows that satisfy the SQL condition `where`, as schemas.VIDEOS or its `columns`."""
        with lance_faults(self._dataset.uri):
            return self._dataset.to_table(filter=where, columns=columns)

    def counts(self) -> dict[tuple[str, str | None], int]:
        """Count videos by (status, reason); reason is None for those indexed or removed."""
        table = self.read(columns=["status", "reason"])
        grouped = (
            table.group_by(["status", "reason"], use_threads=False)
            .aggregate([([], "count_all")])
            .to_pylist()
        )
        return {(row["status"], row["reason"]): row["count_all"] for row in grouped}

    def indexed(self) -> tuple[int, int]:
        """(videos, frames) that the ledger says are in the frames table."""
        table = self.read(f"status = '{Status.INDEXED}'", ["frames_embedded"])
        total: int | None = pa.compute.sum(table["frames_embedded"]).as_py()
        return table.num_rows, total or 0

    def removed(self, video_ids: list[str], run_id: str) -> list[dict[str, Any]]:
        """Rows for `upsert` that say of known videos that the corpus no longer holds them; what
        they were is kept.
        """
        rows: list[dict[str, Any]] = self.read(in_list(_KEY, video_ids)).to_pylist()
        gone = {
            "status": Status.REMOVED.value,
            "reason": None,
            "message": None,
            "frames_embedded": 0,
            "attempts": 0,
        }
        now = {"run_id": run_id, "updated_at": datetime.now(UTC)}
        return [row | gone | now for row in rows]

    def upsert(self, rows: pa.Table) -> "Ledger":
        """Insert or replace rows (schemas.VIDEOS, each video_id once) in one transaction.

        Repeating it changes nothing.

        Raises:
            StorageError: the storage failed; the rows are then written whole or not at all.
        """
        if rows.num_rows == 0:
            return self
        for left in reversed(range(_TRIES)):
            with lance_faults(self._dataset.uri):
                try:
                    self._merge(rows)
                    break
                # it may have been written all the same, and its answer lost: again is no harm
                except OSError:
                    if not left:
                        raise
        return open_ledger(self._dataset.uri, self._options)

    def _merge(self, rows: pa.Table) -> None:
        newest = _open(self._dataset.uri, self._options)
        merge = newest.merge_insert(_KEY).when_matched_update_all().when_not_matched_insert_all()
        merge.use_index(False).execute(rows.cast(_schema()))

    def forget(self, video_ids: list[str]) -> "Ledger":
        """Delete the rows of these videos, so that the next plan takes them for new."""
        if not video_ids:
            return self
        with lance_faults(self._dataset.uri):
            _open(self._dataset.uri, self._options).delete(in_list(_KEY, video_ids))
        return open_ledger(self._dataset.uri, self._options)


def open_ledger(uri: str, lance_options: dict[str, str]) -> Ledger:
    """The newest version of the ledger at `uri`, created empty if there is none.

    Raises:
        StorageError: the storage failed.
    """
    with lance_faults(uri):
        return Ledger(open_or_create(uri, lance_options, _schema()), lance_options)


def existing_ledger(uri: str, lance_options: dict[str, str]) -> Ledger | None:
    """The newest version of the ledger at `uri`; None where there is none, and then none is made.

    Raises:
        StorageError: the storage failed.
    """
    with lance_faults(uri):
        try:
            return Ledger(_open(uri, lance_options), lance_options)
        except ValueError as error:
            if "was not found" not in str(error):
                raise
            return None


def _schema() -> pa.Schema:
    place = VIDEOS.get_field_index(_KEY)
    return VIDEOS.set(place, VIDEOS.field(place).with_metadata(_PRIMARY))


def _open(uri: str, lance_options: dict[str, str]) -> Any:
    import lance

    return lance.dataset(uri, storage_options=lance_options)

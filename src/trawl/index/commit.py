"""Makes finished videos durable: rows to fragments on a writer, then one commit and the ledger, by
the driver alone.

The order is the guarantee: rows first, ledger second. A crash between the two repeats those videos,
and because rows are replaced by video, the repetition doubles nothing. How much a crash can cost is
`commit_rows` or `commit_every_s`.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from ray.exceptions import ObjectLostError, RayTaskError

from trawl.config.data import TableConfig
from trawl.index.actors import WriterActor
from trawl.index.outcome import Failed, Indexed, Outcome, ledger_row
from trawl.records.video import Reason
from trawl.runtime.pool import GONE, Pool
from trawl.runtime.session import result
from trawl.schemas import VIDEOS
from trawl.storage import Storage
from trawl.table import frames
from trawl.table.ledger import Ledger, open_ledger
from trawl.table.places import Places

_log = logging.getLogger(__name__)
_LOST = (ObjectLostError, *GONE)
_WRITERS = 3  # processes that one commit's rows may cost


@dataclass
class Tables:
    """The two tables of one recipe.

    `ledger` is replaced by its next version with every write. check: raises when this process may
    no longer write them.
    """

    frames_uri: str
    ledger_uri: str
    options: dict[str, str]
    schema: pa.Schema
    ledger: Ledger
    check: Callable[[], None]
    places: Places = field(default_factory=Places)

    @classmethod
    def open(
        cls,
        storage: Storage,
        dataset: str,
        recipe_key: str,
        schema: pa.Schema,
        check: Callable[[], None],
    ) -> "Tables":
        """Open both, created empty where they are not there.

        Raises:
            ConfigError: the frames table is there with another embedding size or dtype.
            StorageError: the storage failed.
        """
        options = storage.lance_options
        frames_uri, ledger_uri = (
            storage.table_uri(dataset, recipe_key, table) for table in ("frames", "videos")
        )
        frames.create_if_missing(frames_uri, options, schema)
        return cls(frames_uri, ledger_uri, options, schema, open_ledger(ledger_uri, options), check)

    def commit(
        self,
        fragments: list[str],
        video_ids: list[str],
        ledger_rows: list[dict[str, Any]],
        key: str,
    ) -> None:
        """Replace the videos' frames by those in the fragments, then say so in the ledger."""
        self.check()
        frames.commit(self.frames_uri, self.options, fragments, video_ids, key, self.places)
        self.ledger = self.ledger.upsert(pa.Table.from_pylist(ledger_rows, schema=VIDEOS))

    def remove(self, video_ids: list[str], run_id: str, key: str) -> None:
        """Drop videos that are gone from the corpus; the ledger remembers that they were there."""
        self.commit([], video_ids, self.ledger.removed(video_ids, run_id), key)
        _log.info("removed", extra={"fields": {"videos": len(video_ids)}})


class Committer:
    """Gathers outcomes and commits them in batches."""

    def __init__(
        self,
        writers: Pool[WriterActor],
        tables: Tables,
        config: TableConfig,
        run_id: str,
        on_commit: Callable[[Outcome], None],
    ) -> None:
        """`on_commit` hears of each outcome once it is durable, and only then."""
        self._writers, self._tables, self._config, self._run_id = writers, tables, config, run_id
        self._on_commit = on_commit
        self._pending: list[Outcome] = []
        self._rows, self._last, self._count = 0, time.monotonic(), 0

    def add(self, outcome: Outcome) -> None:
        """Take an outcome; commits when enough has gathered."""
        self._pending.append(outcome)
        self._rows += outcome.frames_embedded if isinstance(outcome, Indexed) else 0
        if self._rows >= self._config.commit_rows:
            self.flush()

    def tick(self) -> None:
        """Commit what there is when the last commit is long ago."""
        if self._pending and time.monotonic() - self._last >= self._config.commit_every_s:
            self.flush()

    def flush(self) -> None:
        """Commit everything gathered so far.

        Videos whose rows were lost with their node become failures with the reason `worker_died`,
        and the next run takes them up again.
        """
        outcomes, self._pending, self._rows, self._last = self._pending, [], 0, time.monotonic()
        if not outcomes:
            return
        try:
            fragments = self._write([o for o in outcomes if isinstance(o, Indexed)])
        except _LOST as error:
            fragments, outcomes = [], [_lost(o, error) for o in outcomes]
        self._count += 1
        rows = [ledger_row(outcome, self._run_id) for outcome in outcomes]
        # A failed video's old rows go as well: what they show is no longer in the corpus.
        self._tables.commit(
            fragments,
            [o.video.video_id for o in outcomes],
            rows,
            key=f"{self._run_id}/{self._count}",
        )
        for outcome in outcomes:
            self._on_commit(outcome)
        indexed = [outcome for outcome in outcomes if isinstance(outcome, Indexed)]
        counts = {"videos": len(indexed), "failed": len(outcomes) - len(indexed)}
        counts["rows"] = sum(outcome.frames_embedded for outcome in indexed)
        _log.info("committed", extra={"fields": counts | {"fragments": len(fragments)}})

    def _write(self, indexed: list[Indexed]) -> list[str]:
        refs: list[Any] = [ref for outcome in indexed for ref in outcome.rows]
        if not refs:
            return []
        place, tables = self._count % len(self._writers.handles), self._tables
        for left in reversed(range(_WRITERS)):
            try:
                writer = self._writers.handles[place]
                return list(
                    result(
                        writer.write.remote(tables.frames_uri, tables.options, tables.schema, *refs)
                    )
                )
            except RayTaskError as error:
                if isinstance(error.cause, _LOST):
                    raise error.cause from error
                raise
            except GONE:  # the rows are still where they were: a writer owns none of them
                self._writers.replace(place)
                if not left:
                    raise
        raise AssertionError


def _lost(outcome: Outcome, error: Exception) -> Outcome:
    if isinstance(outcome, Failed):
        return outcome
    message = f"its rows were lost before they were written: {str(error).splitlines()[0]}"
    # No attempt that counts against the video: it was decoded and embedded, and lost with a node
    # that had others as well.
    return Failed(outcome.video, Reason.WORKER_DIED, message, outcome.earlier)

"""Texts to ranked segments over a published index: what the query job shows and the tracking job
follows.

Opens exactly the versions that were published. Knows nothing of pictures, models or how an answer
is written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trawl.config.data import DatasetConfig, StorageConfig
from trawl.config.steps import SearchConfig
from trawl.corpus.source import reopen
from trawl.query import filters, segments
from trawl.query.nearest import FrameSearch, unit_vectors
from trawl.records.arrays import Embeddings, Indices, Times
from trawl.records.search import Answer, Source
from trawl.records.video import Status
from trawl.runtime.process import import_lance
from trawl.storage import Storage, lance_faults
from trawl.table import publish
from trawl.table.publish import Published

_INDEXED = f"status = '{Status.INDEXED}'"


class PublishedIndex:
    """The two tables of one publication, open for reading."""

    def __init__(self, storage: Storage, dataset: str, published: Published) -> None:
        """
        Raises:
            IndexMissingError: the publication's versions are gone.
            StorageError: the storage failed.
        """
        import_lance()
        self.published = published
        self._frames, self._videos = publish.open_tables(storage, dataset, published)

    def answers(
        self,
        queries: Sequence[str],
        vectors: Sequence[NDArray[np.float32]],
        config: SearchConfig,
        among: Iterable[str] | None = None,
    ) -> list[Answer]:
        """One per text, in their order.

        Args:
            among: video_ids to search in; None: all.

        Raises:
            ConfigError: `search.where` names an unknown column or cannot be read.
        """
        search = self.search(config, among)
        return [
            _answer(query, vector, search, config)
            for query, vector in zip(queries, vectors, strict=True)
        ]

    def search(self, config: SearchConfig, among: Iterable[str] | None = None) -> FrameSearch:
        """The search itself. Same Args and errors as `answers`."""
        return FrameSearch(self._frames, config, self._within(config.where, among))

    def frames(self, where: str | None, among: Iterable[str]) -> pa.Table:
        """video_id, frame_index, time_s of every embedded frame of these videos, as `vectors` gives
        them.

        Raises:
            ConfigError: `where` names an unknown column or cannot be read.
        """
        condition = self._within(where, among)
        try:
            with lance_faults(self._frames.uri):
                table: pa.Table = self._frames.to_table(
                    columns=["video_id", "frame_index", "time_s"], filter=condition
                )
        except ValueError as error:
            if where is None:
                raise
            raise filters.bad_filter(where, error) from error
        return table

    def vectors(
        self, where: str | None, among: Iterable[str]
    ) -> Iterator[tuple[Indices, Embeddings]]:
        """Blocks of frame_index (N,) and embeddings (N, D) of the same frames, in the same order."""
        condition = self._within(where, among)
        with lance_faults(self._frames.uri):
            scanner = self._frames.scanner(
                columns=["frame_index", "embedding"], filter=condition, scan_in_order=True
            )
            for batch in scanner.to_batches():
                yield batch["frame_index"].to_numpy(), unit_vectors(batch["embedding"])

    def indexed(self) -> Iterator[tuple[str, str]]:
        """(video_id, fingerprint) of every indexed video."""
        with lance_faults(self._videos.uri):
            scanner = self._videos.scanner(columns=["video_id", "fingerprint"], filter=_INDEXED)
            for batch in scanner.to_batches():
                yield from zip(
                    batch["video_id"].to_pylist(), batch["fingerprint"].to_pylist(), strict=True
                )

    def sampled(self, video_id: str) -> tuple[Indices, Times]:
        """Return frame_index and time_s, each (N,), of the embedded frames of a video."""
        table = self.frames(None, [video_id]).sort_by("frame_index")
        return table["frame_index"].to_numpy(), table["time_s"].to_numpy()

    def sources(self, video_ids: Iterable[str]) -> dict[str, Source]:
        """Return where these videos lie, by video_id; see `openable` for those that are to be
        opened.
        """
        if not (wanted := sorted(set(video_ids))):
            return {}
        listed = ", ".join(map(filters.quoted, wanted))
        columns = ["video_id", "uri", "fingerprint", "duration_s"]
        rows = self.ledger(columns, f"video_id IN ({listed})")
        return {
            row["video_id"]: Source(row["uri"], row["fingerprint"], row["duration_s"] or 0.0)
            for row in rows.to_pylist()
        }

    def ledger(self, columns: Sequence[str], where: str = _INDEXED) -> pa.Table:
        """Read columns of the ledger; of indexed videos unless `where` says otherwise."""
        with lance_faults(self._videos.uri):
            return self._videos.to_table(columns=list(columns), filter=where)

    def _within(self, where: str | None, among: Iterable[str] | None) -> str | None:
        terms = [condition] if (condition := self._condition(where)) else []
        if among is not None and not self._covers(wanted := frozenset(among)):
            terms.append(f"video_id IN ({', '.join(map(filters.quoted, sorted(wanted)))})")
        return " AND ".join(f"({term})" for term in terms) or None

    def _covers(self, video_ids: frozenset[str]) -> bool:
        """These are all there are: a list of a million names as a filter takes longer than the
        search.
        """
        return len(video_ids) >= self.published.num_videos and all(
            one in video_ids for one, _ in self.indexed()
        )

    def _condition(self, where: str | None) -> str | None:
        """`search.where` in the table's words; the ledger is read only if a manifest's column is
        named.
        """
        if where is None:
            return None
        documents: list[Any] = []
        if filters.names_metadata(where):
            documents = self.ledger(["metadata"])["metadata"].to_pylist()
        return filters.to_sql(where, filters.metadata_types(documents))


def openable(
    dataset: DatasetConfig, storage: StorageConfig, sources: Mapping[str, Source]
) -> dict[str, Source]:
    """The same, with URIs that open the videos and are for no table or page.

    Raises:
        DatasetError: the manifest, which has the credentials that a URI lacks, cannot be read.
    """
    uris = reopen(dataset, storage, {video_id: source.uri for video_id, source in sources.items()})
    return {video_id: replace(source, uri=uris[video_id]) for video_id, source in sources.items()}


def _answer(
    query: str, vector: NDArray[np.float32], search: FrameSearch, config: SearchConfig
) -> Answer:
    background = search.background(vector)
    return Answer(query, background, segments.rank(search.curves(vector), background, config))

"""Texts to ranked segments over a published index: what the query job shows and the tracking job follows.

Opens exactly the versions that were published. Knows nothing of pictures, models or how an answer is written.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trawl import segments
from trawl.config import SearchConfig
from trawl.pipelines.startup import import_lance
from trawl.records import Status
from trawl.results import Answer, Source
from trawl.search import filters
from trawl.search.nearest import FrameSearch
from trawl.storage import Storage
from trawl.table import publish
from trawl.table.publish import Published


class PublishedIndex:
    """The two tables of one publication, open for reading."""

    def __init__(self, storage: Storage, dataset: str, published: Published) -> None:
        """
        Raises:
            IndexMissingError: the publication's versions are gone.
            StorageError: the storage failed.
        """
        import_lance()
        self._frames, self._videos = publish.open_tables(storage, dataset, published)

    def answers(
        self, queries: Sequence[str], vectors: Sequence[NDArray[np.float32]], config: SearchConfig
    ) -> list[Answer]:
        """One per text, in their order.

        Raises:
            ConfigError: `search.where` names an unknown column or cannot be read.
        """
        search = FrameSearch(self._frames, config, self._condition(config.where))
        return [_answer(query, vector, search, config) for query, vector in zip(queries, vectors, strict=True)]

    def sources(self, video_ids: Iterable[str]) -> dict[str, Source]:
        """Where these videos lie, by video_id."""
        if not (wanted := sorted(set(video_ids))):
            return {}
        listed = ", ".join(map(filters.quoted, wanted))
        columns = ["video_id", "uri", "fingerprint", "duration_s"]
        rows = self._videos.to_table(columns=columns, filter=f"video_id IN ({listed})")
        return {
            row["video_id"]: Source(row["uri"], row["fingerprint"], row["duration_s"] or 0.0)
            for row in rows.to_pylist()
        }

    def _condition(self, where: str | None) -> str | None:
        """`search.where` in the table's words; the ledger is read only if a manifest's column is named."""
        if where is None:
            return None
        documents: list[Any] = []
        if filters.names_metadata(where):
            indexed = self._videos.to_table(columns=["metadata"], filter=f"status = '{Status.INDEXED}'")
            documents = indexed["metadata"].to_pylist()
        return filters.to_sql(where, filters.metadata_types(documents))


def _answer(query: str, vector: NDArray[np.float32], search: FrameSearch, config: SearchConfig) -> Answer:
    background = search.background(vector)
    return Answer(query, background, segments.rank(search.curves(vector), background, config))

"""A small index to write to: two tables under one recipe, and how a driver would use them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from trawl.records.video import Recipe
from trawl.schemas import VIDEOS, frames_schema
from trawl.storage import Storage
from trawl.table import frames
from trawl.table.ledger import Ledger, open_ledger
from trawl.table.places import Places

DIM = 8
SCHEMA = frames_schema(DIM)
RECIPE = Recipe({"model": "fake", "dim": DIM}, {"policy": "every", "every_s": 0.5}, "auto")


def vectors(n: int, seed: int) -> np.ndarray:
    """(n, DIM) float16, unit length."""
    found = np.random.default_rng(seed).normal(size=(n, DIM))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


def rows(video_id: str, n: int, mark: int = 0) -> pa.RecordBatch:
    """n frames of a video; `mark` goes into the column `shot`, to tell one writing from the next."""
    columns = {
        "video_id": [video_id] * n,
        "frame_index": range(n),
        "time_s": np.arange(n) / 2,
        "shot": [mark] * n,
        "substituted": [False] * n,
        "duration_s": [n / 2] * n,
        "path_parts": [[]] * n,
        "metadata": ["{}"] * n,
        "embedding": pa.FixedSizeListArray.from_arrays(
            pa.array(vectors(n, mark + sum(video_id.encode())).ravel()), DIM
        ),
    }
    return pa.record_batch([pa.array(columns[f.name], f.type) for f in SCHEMA], schema=SCHEMA)


def ledger_row(
    video_id: str, frames_embedded: int, status: str = "indexed", **more: Any
) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(VIDEOS.names)
    row |= {
        "video_id": video_id,
        "uri": f"/{video_id}",
        "fingerprint": "f",
        "size_bytes": 1,
        "status": status,
    }
    row |= {"attempts": 0, "frames_embedded": frames_embedded, "metadata": "{}", "run_id": "run"}
    return row | {"updated_at": datetime.now(UTC)} | more


@dataclass
class Index:
    """Both tables, written as the driver writes them."""

    storage: Storage
    dataset: str = "cats"
    recipe: Recipe = field(default_factory=lambda: RECIPE)
    commits: int = 0
    places: Places = field(default_factory=Places)

    def __post_init__(self) -> None:
        frames.create_if_missing(self.uri, self.options, SCHEMA)
        open_ledger(self.storage.table_uri(self.dataset, self.recipe.key, "videos"), self.options)

    @property
    def uri(self) -> str:
        return self.storage.table_uri(self.dataset, self.recipe.key, "frames")

    @property
    def options(self) -> dict[str, str]:
        return self.storage.lance_options

    @property
    def ledger(self) -> Ledger:
        return open_ledger(
            self.storage.table_uri(self.dataset, self.recipe.key, "videos"), self.options
        )

    def write(self, *batches: pa.RecordBatch) -> list[str]:
        return frames.write_fragments(self.uri, self.options, SCHEMA, batches)

    def commit(
        self,
        fragments: list[str],
        video_ids: Iterable[str],
        key: str | None = None,
        places: Places | None = None,
    ) -> int:
        self.commits += 1
        ids, key = list(video_ids), key or f"index/{self.commits}"
        return frames.commit(self.uri, self.options, fragments, ids, key, places)

    def index(self, videos: dict[str, int], mark: int = 0) -> None:
        """Rows and ledger of these videos, {video_id: number of frames}."""
        self.commit(
            self.write(*(rows(v, n, mark) for v, n in videos.items())), videos, places=self.places
        )
        self.tell(videos)

    def tell(self, videos: dict[str, int]) -> None:
        self.ledger.upsert(
            pa.Table.from_pylist([ledger_row(v, n) for v, n in videos.items()], schema=VIDEOS)
        )

    def remove(self, *video_ids: str) -> None:
        self.commit([], video_ids, places=self.places)
        gone = self.ledger.removed(list(video_ids), "run")
        self.ledger.upsert(pa.Table.from_pylist(gone, schema=VIDEOS))

    def open(self) -> Any:
        import lance

        return lance.dataset(self.uri, storage_options=self.options)

    def held(self, dataset: Any = None) -> dict[tuple[str, int], int]:
        """{(video_id, mark): rows} as a reader counts them."""
        return held(dataset or self.open())


def held(dataset: Any) -> dict[tuple[str, int], int]:
    table = dataset.to_table(columns=["video_id", "shot"])
    grouped = table.group_by(["video_id", "shot"]).aggregate([([], "count_all")]).to_pylist()
    return {(row["video_id"], row["shot"]): row["count_all"] for row in grouped}


@pytest.fixture
def index(storage: Storage) -> Index:
    """On a folder and on S3."""
    return Index(storage)


@pytest.fixture
def local_index(local_storage: Storage) -> Index:
    return Index(local_storage)

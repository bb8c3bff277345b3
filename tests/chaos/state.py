"""What queries are shown, held against what they may be shown."""

from collections import Counter
from dataclasses import dataclass

from tests.chaos.job import DATASET
from trawl.config.data import StorageConfig
from trawl.storage import Storage
from trawl.table import publish

Night = dict[str, int]  # video_id -> its rows, of a corpus as it was one night


@dataclass(frozen=True, slots=True)
class Shown:
    """One publication. rows: by video; doubled: rows that are there twice. failed: videos that the
    ledger says failed.
    promised: rows by video, by the ledger."""

    number: int
    rows: Counter[str]
    doubled: int
    failed: frozenset[str]
    promised: dict[str, int]


def storage_at(root: str, endpoint: str | None = None) -> Storage:
    return Storage.open(StorageConfig(root=root, endpoint=endpoint))


def shown(storage: Storage) -> Shown:
    """What a query that starts now reads.

    Raises:
        IndexMissingError: nothing is published yet.
    """
    published = publish.latest(storage, DATASET)
    frames, videos = publish.open_tables(storage, DATASET, published)
    read = frames.to_table(columns=["video_id", "frame_index"])
    pairs = Counter(zip(read["video_id"].to_pylist(), read["frame_index"].to_pylist()))
    ledger = videos.to_table(columns=["video_id", "status", "frames_embedded"]).to_pylist()
    return Shown(
        published.number,
        Counter(video for video, _ in pairs.elements()),
        sum(count - 1 for count in pairs.values()),
        frozenset(row["video_id"] for row in ledger if row["status"] in ("failed", "quarantined")),
        {row["video_id"]: row["frames_embedded"] for row in ledger if row["status"] == "indexed"},
    )


def faults(seen: Shown, nights: list[Night]) -> list[str]:
    """What is wrong with it: it must be one of these nights as a whole, but for videos that are
    known to have failed.
    """
    found = [f"{seen.doubled} rows doubled"] if seen.doubled else []
    if seen.promised != dict(seen.rows):
        found.append("frames and ledger differ")
    if not any(
        seen.rows == {v: n for v, n in night.items() if v not in seen.failed} for night in nights
    ):
        lost = min((sum((Counter(night) - seen.rows).values()) for night in nights), default=0)
        found.append(f"no whole night: {lost} rows are missing from the nearest")
    return found

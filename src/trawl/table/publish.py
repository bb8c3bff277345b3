"""Publishes what queries may read: one small file per publication,
`<dataset>/index/published/<n>.json`, the highest n counts.

    0. reconcile rows that a crash left without a line in the ledger go
    1. check     the two tables agree on videos and frames, and a few stored vectors find themselves
    2. tag       both tables' versions, so that no cleanup takes them away
    3. write     <n>.json, only if no one else has written that n

A tag is named after the version it holds, so several publications may share one. Rolling back
writes an older content under the next number. Knows nothing of how rows come to be.
"""

import json
import logging
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from trawl.errors import IndexMissingError, StorageError
from trawl.records.video import PASSING_REASONS, Recipe, Status
from trawl.storage import Storage, lance_faults
from trawl.table.frames import commit
from trawl.table.ledger import open_ledger

_log = logging.getLogger(__name__)
_TRIES = 8
_SAMPLES = 4
_TAG = "published-v"


@dataclass(frozen=True, slots=True)
class Published:
    """Describes what a query reads.

    recipe_key names the tables' folder; recipe is all that embedded them.

    number: from 1. frames_version, videos_version: of the two tables, each held by the tag
    `tag_of(version)`. num_rows, num_videos: frames and indexed videos. vector_index: None where a
    query scans, else its type, its count of partitions and deltas, and the rows it covers. token:
    unlike any other publication's.
    """

    number: int
    recipe_key: str
    recipe: Recipe
    frames_version: int
    videos_version: int
    num_rows: int
    num_videos: int
    created_at: str
    vector_index: dict[str, Any] | None
    token: str

    def content(self) -> tuple[str, int, int]:
        """Equal for publications that show a query the same."""
        return self.recipe_key, self.frames_version, self.videos_version


def tag_of(version: int) -> str:
    return f"{_TAG}{version}"


def is_ours(tag: str) -> bool:
    """Whether a tag is a publication's. Others hold what a person or another program wants kept."""
    return tag.startswith(_TAG)


def publish(
    storage: Storage, dataset: str, recipe: Recipe, vector_index: dict[str, Any] | None
) -> Published:
    """Show the newest versions of both tables to queries.

    Nothing changed since the last publication: returns that one.

    Raises:
        StorageError: the tables disagree, or a stored vector does not find itself; nothing was
            published.
    """
    before = _highest(storage, dataset)
    frames, videos = _open(storage, dataset, recipe.key, None, None)
    if before and before.content() == (recipe.key, frames.version, videos.version):
        return before
    reconcile(storage, dataset, recipe.key)
    frames, videos = _open(storage, dataset, recipe.key, None, None)
    num_rows, num_videos = _check(storage, dataset, recipe.key, frames)
    for table in (frames, videos):
        _tag(table)
    draft = Published(
        number=0,
        recipe_key=recipe.key,
        recipe=recipe,
        frames_version=frames.version,
        videos_version=videos.version,
        num_rows=num_rows,
        num_videos=num_videos,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        vector_index=vector_index,
        token=uuid.uuid4().hex,
    )
    return _write_next(storage, dataset, draft)


def awaited(storage: Storage, dataset: str, recipe_key: str, left: int) -> int:
    """Count the videos that a recipe built beside the published one waits for before it takes over;
    0 to publish it.

    Queries shall not lose what they find now: they go on with the old recipe until the new one
    holds as many videos, or until nothing more is to be done for it.

    Args:
        left: videos that the run did not come to. Those that failed and are tried again by
            themselves are counted here.
    """
    before = _highest(storage, dataset)
    if before is None or before.recipe_key == recipe_key:
        return 0
    ledger = open_ledger(storage.table_uri(dataset, recipe_key, "videos"), storage.lance_options)
    if ledger.indexed()[0] >= before.num_videos:
        return 0
    passing = ((Status.FAILED, reason) for reason in PASSING_REASONS)
    counts = ledger.counts()
    return left + sum(counts.get(kind, 0) for kind in passing)


def reconcile(storage: Storage, dataset: str, recipe_key: str) -> list[str]:
    """Make the two tables agree where a crash came between their commits and the work was not
    repeated since.

    Such a video's rows are dropped and the ledger forgets it, so that the next plan takes it for
    new. Costs one count where the tables agree. Returns the videos concerned.
    """
    uri = storage.table_uri(dataset, recipe_key, "frames")
    ledger = open_ledger(storage.table_uri(dataset, recipe_key, "videos"), storage.lance_options)
    frames, _ = _open(storage, dataset, recipe_key, None, None)
    with lance_faults(uri):
        if frames.count_rows() == ledger.indexed()[1]:
            return []
        held: Counter[str] = Counter()
        for batch in frames.to_batches(columns=["video_id"]):
            held.update(batch.column(0).to_pylist())
    known = ledger.read(f"status = '{Status.INDEXED}'", ["video_id", "frames_embedded"])
    promised = dict(
        zip(known["video_id"].to_pylist(), known["frames_embedded"].to_pylist(), strict=True)
    )
    differ = sorted(
        video for video in held.keys() | promised.keys() if held[video] != promised.get(video, 0)
    )
    _log.warning(
        "%d videos were being written when a run ended: dropped, the next run indexes them anew",
        len(differ),
    )
    commit(uri, storage.lance_options, [], differ, key=f"reconcile/{uuid.uuid4().hex}")
    ledger.forget([video for video in differ if video in promised])
    return differ


def latest(storage: Storage, dataset: str) -> Published:
    """Return what queries read now.

    Raises:
        IndexMissingError: nothing is published for this dataset.
    """
    found = _highest(storage, dataset)
    if found is None:
        where = storage.uri(dataset)
        raise IndexMissingError(
            f"nothing is published under {where}; run python -m jobs.index +dataset=... first"
        )
    return found


def numbered(storage: Storage, dataset: str, number: int) -> Published:
    """Publication `number`.

    Raises:
        IndexMissingError: there is no such publication.
    """
    numbers = _numbers(storage, dataset)
    if number not in numbers:
        listed = (
            f"one of: {', '.join(map(str, numbers))}" if numbers else "nothing is published yet"
        )
        raise IndexMissingError(
            f"publication {number} of {storage.uri(dataset)} does not exist; {listed}"
        )
    return _read(storage, dataset, number)


def history(storage: Storage, dataset: str) -> list[Published]:
    """Every publication, oldest first."""
    with ThreadPoolExecutor(16) as pool:
        return list(
            pool.map(lambda number: _read(storage, dataset, number), _numbers(storage, dataset))
        )


def rollback(storage: Storage, dataset: str, to_n: int) -> Published:
    """Show publication `to_n` again, as the next number.

    The next indexing run publishes the newest tables as usual.

    Raises:
        IndexMissingError: there is no such publication, or cleanup has taken its versions.
    """
    wanted, now = numbered(storage, dataset, to_n), latest(storage, dataset)
    open_tables(storage, dataset, wanted)
    if wanted.content() == now.content():
        return now
    return _write_next(storage, dataset, _renewed(wanted))


def open_tables(storage: Storage, dataset: str, published: Published) -> tuple[Any, Any]:
    """(frames, videos) as Lance datasets at the published versions, held by their tags: no commit,
    compaction or cleanup changes what they show.

    Raises:
        IndexMissingError: their tags are gone.
        StorageError: the storage failed.
    """
    versions = published.frames_version, published.videos_version
    try:
        return _open(storage, dataset, published.recipe_key, *map(tag_of, versions))
    except ValueError as error:
        raise IndexMissingError(
            f"publication {published.number} of {storage.uri(dataset)} was cleaned up; use a newer one"
        ) from error


def _check(storage: Storage, dataset: str, recipe_key: str, frames: Any) -> tuple[int, int]:
    """(rows, indexed videos), once the tables agree and sampled vectors find themselves."""
    ledger = open_ledger(storage.table_uri(dataset, recipe_key, "videos"), storage.lance_options)
    num_videos, promised = ledger.indexed()
    with lance_faults(frames.uri):
        num_rows = int(frames.count_rows())
        if num_rows != promised:
            raise StorageError(
                f"{frames.uri} holds {num_rows:,} rows and the ledger says {promised:,}: not published; run jobs.index again"
            )
        places = np.linspace(0, num_rows - 1, min(num_rows, _SAMPLES)).astype(int)
        for row in (
            frames.take(places.tolist(), columns=["embedding"])["embedding"].to_pylist()
            if num_rows
            else ()
        ):
            _check_finds_itself(frames, np.array(row, np.float32))
    return num_rows, num_videos


def _check_finds_itself(frames: Any, vector: np.ndarray[Any, Any]) -> None:
    length = float(np.linalg.norm(vector))
    query = {
        "column": "embedding",
        "q": vector,
        "k": 1,
        "metric": "cosine",
        "refine_factor": 10,
        "nprobes": 256,
    }
    found = frames.to_table(columns=["_distance"], nearest=query, prefilter=True)
    nearest = found["_distance"][0].as_py() if found.num_rows else 2.0
    if not (0.98 < length < 1.02 and nearest < 0.02):
        raise StorageError(
            f"{frames.uri}: a stored vector of length {length:.3f} finds its nearest row at cosine distance {nearest:.3f}: "
            "not published; the table or its vector index is damaged"
        )


def _tag(table: Any) -> None:
    tag = tag_of(table.version)
    with lance_faults(table.uri):
        if tag not in table.tags.list():
            table.tags.create(tag, table.version)


def _write_next(storage: Storage, dataset: str, draft: Published) -> Published:
    """Write the draft under the next free number; a racer that takes that number first sends us to
    the one after.
    """
    for _ in range(_TRIES):
        number = max(_numbers(storage, dataset), default=0) + 1
        numbered = replace(draft, number=number)
        if storage.write_if_absent(_name(dataset, number), _to_json(numbered)):
            return numbered
        # The first attempt of a retried put may have arrived after all.
        if _read(storage, dataset, number).token == draft.token:
            return numbered
    raise StorageError(
        f"{storage.uri(dataset)}: {_TRIES} others published at the same time; run the command again"
    )


def _open(
    storage: Storage, dataset: str, recipe_key: str, frames: str | None, videos: str | None
) -> tuple[Any, Any]:
    import lance

    def at(table: str, version: str | None) -> Any:
        uri = storage.table_uri(dataset, recipe_key, table)
        with lance_faults(uri):
            return lance.dataset(uri, version=version, storage_options=storage.lance_options)

    return at("frames", frames), at("videos", videos)


def _numbers(storage: Storage, dataset: str) -> list[int]:
    names = storage.names(f"{dataset}/index/published")
    stems = (name.removesuffix(".json") for name in names if name.endswith(".json"))
    return sorted(int(stem) for stem in stems if stem.isdecimal())


def _highest(storage: Storage, dataset: str) -> Published | None:
    numbers = _numbers(storage, dataset)
    return _read(storage, dataset, numbers[-1]) if numbers else None


def _name(dataset: str, number: int) -> str:
    return f"{dataset}/index/published/{number}.json"


def _read(storage: Storage, dataset: str, number: int) -> Published:
    content = json.loads(storage.read_bytes(_name(dataset, number)))
    try:
        return Published(**{**content, "recipe": Recipe(**content["recipe"])})
    except TypeError as error:
        where = storage.uri(_name(dataset, number))
        raise StorageError(
            f"{where} was written by another version of Trawl, which knows more: use that one"
        ) from error


def _to_json(published: Published) -> bytes:
    return json.dumps(asdict(published), indent=1).encode()


def _renewed(published: Published) -> Published:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return replace(published, created_at=now, token=uuid.uuid4().hex)

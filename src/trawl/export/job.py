"""The export job on one screen: a run's parts - selected rows - videos dealt to splits - one
format's files.

No Ray and no model. The rows of a few videos are in memory at a time; the formats that are one file
(coco, ytvis, csv) grow in memory as that file does. `export.json` is written last and says that the
export is whole.
"""

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trawl.config.data import DatasetConfig
from trawl.config.jobs import ExportConfig
from trawl.corpus.source import dataset_name
from trawl.errors import ConfigError, did_you_mean
from trawl.export import coco, csv, davis, filters, mot, mots, ytvis
from trawl.export.split import part_of
from trawl.export.stretch import Categories, Put, Stretch, categories_of, stretches
from trawl.storage import Storage
from trawl.storage.target import own_folder
from trawl.track import tables as write

_ROWS_AT_ONCE = 100_000  # about 50 MB; one video's rows are always read together
_LISTED = 12  # files that are named one by one; of more, their folders are


@dataclass(frozen=True)
class Format:
    """by_clip: a clip is a sequence, else a video is. needs_masks: it has no place for a box
    without a mask.
    """

    write: Callable[[Iterable[Stretch], Categories, Put], "Counter[str]"]
    by_clip: bool = False
    needs_masks: bool = True


FORMATS = {
    "coco": Format(coco.write),
    "ytvis": Format(ytvis.write, by_clip=True),
    "mot": Format(mot.write, needs_masks=False),
    "mots": Format(mots.write),
    "davis": Format(davis.write, by_clip=True),
    "csv": Format(csv.write, needs_masks=False),
}


@dataclass
class Exported:
    """Describes what was written.

    counts: split -> videos, sequences, frames, tracks, instances.

    dropped: rows left out, by why: "where", "inferred", "no mask"; overlaps: see
    `export/overlaps.py`. sizes: file -> bytes.
    """

    run_id: str
    format: str
    folder: str
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    overlaps: Counter[str] = field(default_factory=Counter)
    split_by: Counter[str] = field(default_factory=Counter)
    sizes: dict[str, int] = field(default_factory=dict)


def run(config: ExportConfig, console: Console | None = None) -> Exported:
    """Write one run in one format and print what became of its rows.

    Raises:
        UsageError: there is no such run, the condition or a class is no good, `out` is taken, the
            storage fails.
    """
    console = console or Console()
    filters.check(config.where)
    storage, dataset, form = (
        Storage.open(config.storage),
        dataset_name(config.dataset),
        FORMATS[config.format],
    )
    storage.check(write=config.out is None)
    run_id = write.resolve_run(storage, dataset, config.run)
    category_of, videos = _contents(storage, dataset, run_id, config.classes)
    own = _own_splits(config, storage, dataset)
    stem = f"{dataset}/runs/{run_id}/exports/{config.format}/{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    target, folder = own_folder(
        config.out, config.storage, storage, stem, ("settings.json", _settings(config))
    )
    done = Exported(run_id, config.format, target.uri(folder))
    with _Files(target, folder, done.sizes) as files:
        selected = _selected(storage, dataset, run_id, videos, config.where, done.dropped)
        found = _stretches(config, selected, category_of, own, done)
        done.overlaps = form.write(found, _named(category_of), files.put)
    target.write_bytes(f"{folder}/export.json", _to_json(done, config, category_of))
    _print(done, console)
    return done


@dataclass(frozen=True)
class _Video:
    video_id: str
    clip_ids: list[str]
    num_rows: int


def _contents(
    storage: Storage, dataset: str, run_id: str, classes: Mapping[str, int]
) -> tuple[dict[str, int], list[_Video]]:
    """(phrase -> class, videos) of all tracks, whatever is selected later: classes do not move with
    `where`.
    """
    _, tracks = write.read_run(storage, dataset, run_id)
    table = tracks.to_table(columns=["text", "video_id", "clip_id", "num_masks", "num_inferred"])
    phrases = set(pc.unique(table["text"]).to_pylist())
    if unknown := sorted(set(classes) - phrases):
        raise ConfigError(
            f"classes names {unknown[0]!r}, which run {run_id} did not find: {did_you_mean(unknown[0], phrases)}"
        )
    sums = [("num_masks", "sum"), ("num_inferred", "sum"), ("clip_id", "distinct")]
    # On one thread: Arrow counts the threads that ever came by, and a process that has had many
    # fails with several.
    grouped = (
        table.group_by("video_id", use_threads=False)
        .aggregate(sums)
        .sort_by("video_id")
        .to_pylist()
    )
    videos = [
        _Video(
            row["video_id"],
            sorted(row["clip_id_distinct"]),
            row["num_masks_sum"] + row["num_inferred_sum"],
        )
        for row in grouped
    ]
    return categories_of(phrases, classes), videos


def _selected(
    storage: Storage,
    dataset: str,
    run_id: str,
    videos: Sequence[_Video],
    where: str | None,
    dropped: "Counter[str]",
) -> Iterator[tuple[str, pa.Table, pa.Table]]:
    """(video_id, its rows that meet the condition, the frames that were tracked), several videos in
    one reading.
    """
    for some in _together(videos):
        clip_ids = [clip_id for video in some for clip_id in video.clip_ids]
        parts = write.read_run(storage, dataset, run_id, clip_ids)
        rows, frames = filters.select(*parts, where), filters.looked_at(*parts)
        dropped["where"] += sum(video.num_rows for video in some) - len(rows)
        rows_of, frames_of = _by_video(rows), _by_video(frames)
        for video in some:
            yield video.video_id, rows_of.get(video.video_id, rows[:0]), frames_of[video.video_id]


def _by_video(table: pa.Table) -> dict[str, pa.Table]:
    """Slices of a table that is sorted by video_id."""
    found, begin = {}, 0
    for video_id, count in Counter(table["video_id"].to_pylist()).items():
        found[video_id] = table.slice(begin, count)
        begin += count
    return found


def _together(videos: Sequence[_Video]) -> Iterator[list[_Video]]:
    """In order, in groups of at most `_ROWS_AT_ONCE` rows or of one video."""
    some: list[_Video] = []
    num_rows = 0
    for video in videos:
        if some and num_rows + video.num_rows > _ROWS_AT_ONCE:
            yield some
            some, num_rows = [], 0
        some.append(video)
        num_rows += video.num_rows
    if some:
        yield some


def _stretches(
    config: ExportConfig,
    found: Iterable[tuple[str, pa.Table, pa.Table]],
    category_of: Mapping[str, int],
    own: Mapping[str, str],
    done: Exported,
) -> Iterator[Stretch]:
    """Video by video, counting in `done` what is handed on and what is left out."""
    form = FORMATS[config.format]
    for video_id, selected, looked_at in found:
        rows = _with_masks(selected, form.needs_masks, config.inferred, done.dropped)
        split = part_of(video_id, config.split, own)
        done.split_by["the dataset" if video_id in own else "hash"] += 1
        counts = done.counts.setdefault(split, Counter())
        counts["videos"] += bool(len(rows))
        for stretch in stretches(rows, looked_at, split, category_of, form.by_clip):
            counts["sequences"] += 1
            counts["frames"] += sum(1 for _ in stretch.frames())
            counts["tracks"] += len(stretch.objects)
            counts["instances"] += len(stretch.instances)
            yield stretch


def _with_masks(
    rows: pa.Table, needs_masks: bool, inferred: bool, dropped: "Counter[str]"
) -> pa.Table:
    """Without inferred rows, unless they are wanted and the format has a place for them, and
    without empty masks where not.
    """
    if needs_masks or not inferred:
        seen = rows.filter(pc.is_valid(rows["rle"]))
        dropped["inferred"] += len(rows) - len(seen)
        rows = seen
    if needs_masks:
        filled = rows.filter(pc.greater(rows["area"], 0))
        dropped["no mask"] += len(rows) - len(filled)
        rows = filled
    return rows


def _own_splits(config: ExportConfig, storage: Storage, dataset: str) -> dict[str, str]:
    """video_id -> the split that the dataset itself puts it in: the demo's truth, or a manifest's
    column.
    """
    column = config.split.column
    if column is None:
        return {}
    if config.dataset.kind == "demo":
        return _demo_splits(config.dataset)
    if config.dataset.kind == "manifest":
        return _ledger_splits(storage, dataset, column)
    return {}


def _demo_splits(config: DatasetConfig) -> dict[str, str]:
    import pyarrow.parquet as pq

    path = Path(config.uri, "truth", "videos.parquet")
    if not path.exists():
        return {}
    table = pq.read_table(path, columns=["video_id", "split"])
    return dict(zip(table["video_id"].to_pylist(), table["split"].to_pylist()))


def _ledger_splits(storage: Storage, dataset: str, column: str) -> dict[str, str]:
    from trawl.runtime.process import import_lance
    from trawl.table import publish

    import_lance()
    _, videos = publish.open_tables(storage, dataset, publish.latest(storage, dataset))
    table = videos.to_table(columns=["video_id", "metadata"])
    found = zip(
        table["video_id"].to_pylist(),
        (json.loads(text).get(column) for text in table["metadata"].to_pylist()),
    )
    return {video_id: str(split) for video_id, split in found if split not in (None, "")}


def _named(category_of: Mapping[str, int]) -> dict[int, str]:
    """Class -> its phrase; phrases that share a class are joined."""
    names: dict[int, list[str]] = {}
    for phrase, number in category_of.items():
        names.setdefault(number, []).append(phrase)
    return {number: " | ".join(sorted(found)) for number, found in sorted(names.items())}


def _settings(config: ExportConfig) -> bytes:
    chosen = {
        name: value for name, value in asdict(config).items() if name not in ("dataset", "storage")
    }
    return json.dumps(chosen, indent=1, ensure_ascii=False).encode()


def _to_json(done: Exported, config: ExportConfig, category_of: Mapping[str, int]) -> bytes:
    content = {name: value for name, value in vars(done).items() if name != "sizes"}
    content |= {"settings": json.loads(_settings(config)), "classes": dict(category_of)}
    content |= {"files": len(done.sizes), "bytes": sum(done.sizes.values())}
    return json.dumps(content, indent=1, ensure_ascii=False).encode()


def _print(done: Exported, console: Console) -> None:
    table = Table(title=f"run {done.run_id} as {done.format}", title_justify="left")
    kinds = ("videos", "sequences", "frames", "tracks", "instances")
    for name in ("split", *kinds):
        table.add_column(name, justify="left" if name == "split" else "right")
    for split, counts in sorted(done.counts.items()):
        table.add_row(split, *(f"{counts[kind]:,}" for kind in kinds))
    if done.counts:
        console.print(table)
    else:
        console.print(Text(f"run {done.run_id} has no tracks to export as {done.format}"))
    why = {
        "where": "rows did not meet where",
        "inferred": "rows were inferred",
        "no mask": "masks were empty",
    }
    for reason, count in done.dropped.items():
        if count:
            console.print(Text(f"left out: {count:,} {why[reason]}"))
    if lost := done.overlaps:
        console.print(
            Text(
                f"overlaps: in {lost['overlap_frames']:,} frames {lost['overlap_pixels']:,} pixels went to the higher score; "
                f"{lost['trimmed']:,} masks were trimmed, {lost['hidden']:,} wholly hidden and left out"
            )
        )
    if done.split_by:
        console.print(
            Text(
                "split by " + ", ".join(f"{who}: {n:,} videos" for who, n in done.split_by.items())
            )
        )
    for name, size in _listing(done.sizes):
        console.print(Text(f"{size:>14,} bytes  {done.folder}/{name}"), soft_wrap=True)


def _listing(sizes: Mapping[str, int]) -> list[tuple[str, int]]:
    """Each file and its size, or each folder at the top with what is in it."""
    if len(sizes) <= _LISTED:
        return sorted(sizes.items())
    folders: Counter[str] = Counter()
    for name, size in sizes.items():
        folders[name.partition("/")[0] + "/" * ("/" in name)] += size
    return sorted(folders.items())


class _Files:
    """Puts files from several threads, a few at a time: small files cost waiting, on S3 and for the
    disk alike.
    """

    def __init__(self, storage: Storage, folder: str, sizes: dict[str, int]) -> None:
        self._storage, self._folder, self._sizes = storage, folder, sizes
        self._pool, self._pending = ThreadPoolExecutor(8), deque[Future[Any]]()

    def put(self, name: str, data: bytes) -> None:
        """Raises StorageError for this file or for one of the last few."""
        assert name not in self._sizes, f"{name} twice in one export"
        self._sizes[name] = len(data)
        if len(self._pending) >= 32:
            self._pending.popleft().result()
        self._pending.append(
            self._pool.submit(self._storage.write_bytes, f"{self._folder}/{name}", data)
        )

    def __enter__(self) -> "_Files":
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        try:
            while self._pending and kind is None:
                self._pending.popleft().result()
        finally:
            self._pool.shutdown(cancel_futures=True)

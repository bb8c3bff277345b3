"""A run's masks and tracks: one Parquet part of each per clip, written whole under the clip's id,
and read lazily.

    <root>/<dataset>/runs/<run_id>/masks/<clip_id>.parquet     columns: schemas.MASKS
    <root>/<dataset>/runs/<run_id>/tracks/<clip_id>.parquet    columns: schemas.TRACKS

A clip that is tracked again replaces its own two parts and nothing else. The tracks part is written
last and is what says that the clip is done, so a clip without tracks has parts too, without rows;
masks whose tracks part is missing are of an attempt that died, and `read_run` passes them over.
Knows nothing of how tracks are found.
"""

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from trawl import masks
from trawl.errors import RunError, StorageError, did_you_mean
from trawl.records.arrays import Indices
from trawl.records.tracking import Clip, MaskRow, Track, Visibility
from trawl.runtime import run_file
from trawl.schemas import MASKS, SCHEMA_VERSION, TRACKS
from trawl.storage import Storage

LATEST = "latest"
_LISTED = 5  # runs that an error names
# metadata of a masks part: the frames that tracking looked at, as `_runs` writes them
_LOOKED = b"trawl.looked_at"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Lineage:
    """Names what made a run's tracks, as every track carries it.

    recipe: key of the index that found the segments; embedder, grounder, tracker:
    "<model>/<weights>@<sha256> <precision>", the last as it was settled; config_hash: of all
    settings that change a track.
    """

    recipe: str
    embedder: str
    grounder: str
    tracker: str
    config_hash: str


def write_clip(
    storage: Storage,
    dataset: str,
    run_id: str,
    clip: Clip,
    tracks: Sequence[Track],
    lineage: Lineage,
    looked: Sequence[int] | None = None,
) -> int:
    """Write a clip's two parts, also when it has no track, and return their bytes.

    From here on the clip is done.

    Args:
        tracks: each with at least one mask, numbers all different.
        looked: frame_index of every picture that was looked at, increasing; None where nobody
            knows.

    Raises:
        StorageError: the storage failed; the clip is not done, and writing it again is right.
    """
    assert len({track.number for track in tracks}) == len(tracks), (
        f"{clip.clip_id}: two tracks of one number"
    )
    folder, now = _folder(dataset, run_id), datetime.now(UTC)
    own: dict[str, Any] = {
        "run_id": run_id,
        "clip_id": clip.clip_id,
        "uri": clip.uri,
        "fingerprint": clip.fingerprint,
    }
    own |= {"clip_start_s": clip.start_s, "clip_end_s": clip.end_s, "created_at": now} | asdict(
        lineage
    )
    mask_rows = [_mask_row(run_id, clip, track, row) for track in tracks for row in track.rows]
    track_rows = [_track_row(clip, track) | own for track in tracks]
    about = {} if looked is None else {_LOOKED: json.dumps(_runs(looked)).encode()}
    parts = {"masks": _parquet(mask_rows, MASKS, about), "tracks": _parquet(track_rows, TRACKS)}
    for name, data in parts.items():  # tracks last: that part says that the clip is done
        storage.write_bytes(f"{folder}/{name}/{clip.clip_id}.parquet", data)
    return sum(map(len, parts.values()))


def copy_clip(
    storage: Storage, dataset: str, source: str, run_id: str, clip: Clip, lineage: Lineage
) -> int | None:
    """Write a clip's two parts as another run has them, and return their bytes; None where that run
    has them no more.

    Args:
        source: the run that followed the same clip with the same settings.

    Raises:
        StorageError: the storage failed in writing.
    """
    import pyarrow.parquet as pq

    found = {}
    for kind, schema in (("masks", MASKS), ("tracks", TRACKS)):
        try:
            part = storage.read_bytes(f"{_folder(dataset, source)}/{kind}/{clip.clip_id}.parquet")
            found[kind] = pq.read_table(pa.BufferReader(part))
        except (StorageError, pa.ArrowException, OSError):
            return None
        if found[kind].schema != schema:
            return None
    own = asdict(lineage) | {"run_id": run_id, "uri": clip.uri, "created_at": datetime.now(UTC)}
    parts = {kind: _as_bytes(_replaced(table, own)) for kind, table in found.items()}
    for kind, data in parts.items():  # tracks last, as in `write_clip`
        storage.write_bytes(f"{_folder(dataset, run_id)}/{kind}/{clip.clip_id}.parquet", data)
    return sum(map(len, parts.values()))


def _replaced(table: pa.Table, values: Mapping[str, Any]) -> pa.Table:
    """One value in all of a column's rows, for each of these columns that there is."""
    for name in values.keys() & set(table.column_names):
        column = table.schema.get_field_index(name)
        same = pa.array([values[name]] * len(table), table.field(column).type)
        table = table.set_column(column, table.field(column), same)
    return table


def check_run_id(run_id: str) -> None:
    """Raise RunError unless this can name a run's folder, and no other place."""
    if not _NAME.fullmatch(run_id):
        raise RunError(
            f"run_id={run_id} cannot name a run: use up to 64 letters, digits, '.', '_' and '-', or leave it out"
        )


def finished(storage: Storage, dataset: str, run_id: str) -> set[str]:
    """The clip_ids that a run has done; empty for a run that has not begun."""
    names = storage.names(f"{_folder(dataset, run_id)}/tracks")
    return {name.removesuffix(".parquet") for name in names if name.endswith(".parquet")}


def runs(storage: Storage, dataset: str) -> list[str]:
    """The runs of tracking, the latest first.

    A run's id begins with its time; ids of other kinds, given by hand, count by when their first
    part was last written.
    """
    under = f"{dataset}/runs"
    found = [name for name in storage.folders(under) if _is_run(storage, f"{under}/{name}")]
    return sorted(
        found, key=lambda run_id: (_began(storage, dataset, run_id), run_id), reverse=True
    )


def resolve_run(storage: Storage, dataset: str, run: str) -> str:
    """The id of a run that can be read: `run` itself, or for "latest" the newest.

    The newest that looked for something, as long as there is one: an evaluation of retrieval alone
    leaves a run without a text.

    Raises:
        RunError: there is none of that name; the message names those there are.
    """
    if run != LATEST and _NAME.fullmatch(run) and _is_run(storage, _folder(dataset, run)):
        return run
    there = runs(storage, dataset)
    if not there:
        raise RunError(
            f"{dataset} has no run with tracks in {storage.root}: make one with jobs.track +dataset=..."
        )
    if run == LATEST:
        return next(
            (one for one in there if not _looked_for_nothing(storage, dataset, one)), there[0]
        )
    more = f", and {len(there) - _LISTED} older" if len(there) > _LISTED else ""
    raise RunError(
        f"run={run} does not exist: {did_you_mean(run, [LATEST, *there[:_LISTED]])}{more}"
    )


def read_run(
    storage: Storage, dataset: str, run_id: str, clip_ids: Sequence[str] | None = None
) -> tuple[Any, Any]:
    """(masks, tracks) of a run's finished clips as two lazy `pyarrow.dataset.Dataset`s; nothing but
    names is read yet.

    Both go as they are to DuckDB (`duckdb.sql("select ... from masks")`) and, through
    `.to_table().to_pandas()`, to pandas; Ray Data takes their `.files` and `.filesystem`. A run
    that is still being written reads as what it has finished by now.

    Args:
        clip_ids: only these clips, all of them finished; None: every finished one.

    Raises:
        RunError: a newer version of Trawl wrote it.
    """
    import pyarrow.dataset as ds

    if clip_ids is None:
        clip_ids = sorted(finished(storage, dataset, run_id))
    filesystem, root = storage.arrow()
    opened = []
    for kind, schema in (("masks", MASKS), ("tracks", TRACKS)):
        paths = [
            f"{root}/{_folder(dataset, run_id)}/{kind}/{clip_id}.parquet" for clip_id in clip_ids
        ]
        if not paths:
            opened.append(ds.dataset(schema.empty_table()))
            continue
        table = ds.dataset(paths, schema=schema, format="parquet", filesystem=filesystem)
        _check_version(table, run_id)
        opened.append(table)
    return opened[0], opened[1]


def looked_at(storage: Storage, dataset: str, run_id: str, clip_id: str) -> Indices | None:
    """frame_index (T,) int64 of every picture of a finished clip that tracking looked at,
    increasing.

    None in runs of an earlier Trawl, which did not write it down."""
    import pyarrow.parquet as pq

    data = storage.read_bytes(f"{_folder(dataset, run_id)}/masks/{clip_id}.parquet")
    runs = (pq.read_schema(io.BytesIO(data)).metadata or {}).get(_LOOKED)
    if runs is None:
        return None
    parts = [
        first + step * np.arange(count, dtype=np.int64) for first, step, count in json.loads(runs)
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _is_run(storage: Storage, folder: str) -> bool:
    """Whether tracking wrote there: a finished clip, or the plan of a run that had none to do."""
    return "tracks" in storage.folders(folder) or "plan.json" in storage.names(folder)


def _looked_for_nothing(storage: Storage, dataset: str, run_id: str) -> bool:
    saved = run_file.read(storage, dataset, run_id)
    return saved is not None and saved.job == "track" and not saved.texts


def _folder(dataset: str, run_id: str) -> str:
    return f"{dataset}/runs/{run_id}"


def _mask_row(run_id: str, clip: Clip, track: Track, row: MaskRow) -> dict[str, Any]:
    expected = (
        row.visibility is Visibility.INFERRED
        if row.rle is None
        else row.visibility is not Visibility.INFERRED
    )
    # all of it went to objects in front
    hidden = row.rle is None and row.visibility is Visibility.OCCLUDED
    assert expected or hidden, f"frame {row.frame_index}: {row.visibility} and the mask disagree"
    return {
        "run_id": run_id,
        "track_id": _track_id(clip, track),
        "video_id": clip.video_id,
        "frame_index": row.frame_index,
        "time_s": row.time_s,
        "box": row.box,
        "area": row.area,
        "score": row.score,
        "visibility": row.visibility.value,
        "rle": row.rle,
        "height": track.height,
        "width": track.width,
        "flags": [flag.value for flag in row.flags],
    }


def _track_row(clip: Clip, track: Track) -> dict[str, Any]:
    scores = [row.score for row in track.rows if row.rle is not None]
    positions = [row.frame_index for row in track.rows]
    assert scores, f"track {track.number} of {clip.clip_id} has no mask"
    assert all(a < b for a, b in pairwise(positions)), (
        f"track {track.number}: rows out of order, or doubled"
    )
    return {
        "track_id": _track_id(clip, track),
        "video_id": clip.video_id,
        "text": track.phrase,
        "start_s": track.rows[0].time_s,
        "end_s": track.rows[-1].time_s,
        "start_index": positions[0],
        "end_index": positions[-1],
        "num_masks": len(scores),
        "num_inferred": len(track.rows) - len(scores),
        "height": track.height,
        "width": track.width,
        "retrieval_score": max(
            target.score for target in clip.targets if target.phrase == track.phrase
        ),
        "grounding_score": track.grounding_score,
        "grounding_mean": track.grounding_mean,
        "mean_score": float(np.mean(scores)),
        "trajectory": [_place(row, track) for row in track.rows],
        "mean_speed": track.mean_speed,
        "max_speed": track.max_speed,
        "direction_deg": track.direction_deg,
        "gaps": [{"start_s": start_s, "end_s": end_s} for start_s, end_s in track.gaps],
        "flags": [flag.value for flag in track.flags],
        "appearance": np.asarray(track.appearance, np.float32).tolist(),
    }


def _place(row: MaskRow, track: Track) -> dict[str, Any]:
    if row.rle is None:
        x, y = (row.box[0] + row.box[2]) / 2, (row.box[1] + row.box[3]) / 2
    else:
        x, y = masks.centroid(row.rle, track.height, track.width)
    return {"time_s": row.time_s, "x": x, "y": y, "inferred": row.rle is None}


def _track_id(clip: Clip, track: Track) -> str:
    return f"{clip.clip_id}-{track.number}"


def _parquet(
    rows: list[dict[str, Any]], schema: pa.Schema, about: Mapping[bytes, bytes] | None = None
) -> bytes:
    return _as_bytes(
        pa.Table.from_pylist(
            rows, schema=schema.with_metadata({**schema.metadata, **(about or {})})
        )
    )


def _as_bytes(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _runs(positions: Sequence[int]) -> list[list[int]]:
    """Increasing positions as [first, step, count], so that an hour of frames takes a few bytes.

    >>> _runs([4, 5, 6, 9, 12])
    [[4, 1, 3], [9, 3, 2]]
    """
    runs: list[list[int]] = []
    for position in positions:
        last = runs[-1] if runs else None
        if last and last[2] == 1:
            last[1:] = [position - last[0], 2]
        elif last and position == last[0] + last[1] * last[2]:
            last[2] += 1
        else:
            runs.append([position, 1, 1])
    return runs


def _began(storage: Storage, dataset: str, run_id: str) -> float:
    """Seconds since 1970."""
    try:
        return datetime.strptime(run_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        filesystem, root = storage.arrow()
        folder = _folder(dataset, run_id)
        parts = [f"tracks/{name}" for name in storage.names(f"{folder}/tracks")] or ["plan.json"]
        found = filesystem.get_file_info(f"{root}/{folder}/{parts[0]}")
        return float(found.mtime.timestamp())


def _check_version(table: Any, run_id: str) -> None:
    written = next(table.get_fragments()).physical_schema.metadata or {}
    version = int(written.get(b"trawl.schema_version", b"0"))
    if version > SCHEMA_VERSION:
        raise RunError(
            f"run={run_id} was written with schema {version}, this Trawl reads up to {SCHEMA_VERSION}: update it"
        )

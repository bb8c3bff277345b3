"""A tracking run made up from the demo corpus's exact truth, written by the product's own writer."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from trawl import masks
from trawl.config.data import StorageConfig
from trawl.corpus.files import stat_file
from trawl.records.tracking import Clip, Flag, MaskRow, Target, Track, Visibility
from trawl.storage import Storage
from trawl.track.tables import Lineage, write_clip

RUN = "20261121T090000Z-aaaaaa"
LINEAGE = Lineage(
    "0123456789ab", "TrawlDemoCLIP/demo@aa11", "clip/demo@aa11", "sam2_demo/demo@bb22", "c0ffee"
)


def follow(
    corpus: Path, root: Path, dataset: str, seconds: float = 1e9, run_id: str = RUN
) -> list[Clip]:
    """Write a run below `root`: one clip for each of the corpus's videos, all objects of its first
    seconds perfectly followed.

    An object that something hides has inferred rows meanwhile, and so has the first of each clip
    for half a second. Some flags are sprinkled over the rows by rule.
    """
    objects = pq.read_table(corpus / "truth" / "objects.parquet").to_pylist()
    storage, clips = Storage.open(StorageConfig(root=str(root))), []
    for video_id in sorted({row["video_id"] for row in objects}):
        rows = [row for row in objects if row["video_id"] == video_id and row["time_s"] < seconds]
        clips.append(_clip(corpus / "videos" / video_id, video_id, rows))
        tracks = [_track(number, rows) for number in sorted({row["object_id"] for row in rows})]
        write_clip(
            storage, dataset, run_id, clips[-1], [track for track in tracks if track], LINEAGE
        )
    record = {
        "texts": ["a red star", "a blue ring"],
        "failures": {"corrupt": 1},
        "failed_clips": {"ffffffffffff": "corrupt: broken.mp4 0.0-4.0 s: no picture decodes"},
        "seconds": {"search": 0.4, "track": 61.5},
        "wall_s": 63.0,
        "started_at": "2026-11-21T09:00:00+00:00",
    }
    storage.write_bytes(f"{dataset}/runs/{run_id}/run.json", json.dumps(record).encode())
    return clips


def _clip(path: Path, video_id: str, rows: list[dict]) -> Clip:
    times = [row["time_s"] for row in rows]
    targets = tuple(Target(text, 0.3, times[0]) for text in sorted({_text(row) for row in rows}))
    clip_id = hashlib.sha256(video_id.encode()).hexdigest()[:12]
    fingerprint = stat_file(str(path), video_id, StorageConfig(root="x")).fingerprint
    return Clip(clip_id, video_id, str(path), fingerprint, min(times), max(times) + 0.04, targets)


def _text(row: dict) -> str:
    return f"a {row['color']} {row['shape']}"


def _track(number: int, rows: list[dict]) -> Track | None:
    own = [row for row in rows if row["object_id"] == number]
    seen = [k for k, row in enumerate(own) if row["area"]]
    if not seen:
        return None
    own = own[seen[0] : seen[-1] + 1]
    made: list[MaskRow] = []
    for k, row in enumerate(own):
        hidden = not row["area"] or (number == 0 and 40 <= k < 55)
        box = tuple(map(float, row["box"])) if row["area"] else made[-1].box
        edge = box[0] <= 0 or box[1] <= 0 or box[2] >= row["width"] or box[3] >= row["height"]
        flags = [Flag.BORDER] * edge + [Flag.LOW_SCORE] * (row["visibility"] < 0.4 and not hidden)
        flags += [Flag.IDENTITY_SWITCH] * (number == 2 and 30 <= k < 34) + [Flag.SPEED] * (
            number == 1 and k % 90 == 60
        )
        score = 0.0 if hidden else 0.55 + 0.4 * row["visibility"]
        visibility = Visibility.INFERRED if hidden else Visibility.VISIBLE
        rle = None if hidden else row["rle"]
        area = 0 if hidden else row["area"]
        made.append(
            MaskRow(
                row["frame_index"], row["time_s"], box, area, score, visibility, rle, tuple(flags)
            )
        )
    centres = [
        masks.centroid(row.rle, own[0]["height"], own[0]["width"]) for row in made if row.rle
    ]
    way = np.subtract(centres[-1], centres[0])
    steps = (
        np.linalg.norm(np.diff(centres, axis=0), axis=1) * 25 if len(centres) > 1 else np.zeros(1)
    )
    return Track(
        number,
        _text(own[0]),
        0.4 + 0.05 * number,
        own[0]["height"],
        own[0]["width"],
        tuple(made),
        np.zeros(0, np.float32),
        float(steps.mean()),
        float(steps.max()),
        float(np.degrees(np.arctan2(way[1], way[0])) % 360) if way.any() else None,
        tuple(_gaps(made)),
        tuple(dict.fromkeys(flag for row in made for flag in row.flags)),
    )


def _gaps(rows: list[MaskRow]) -> list[tuple[float, float]]:
    gaps, start = [], None
    for row in rows:
        if row.rle is None and start is None:
            start = row.time_s
        elif row.rle is not None and start is not None:
            gaps.append((start, row.time_s))
            start = None
    return gaps

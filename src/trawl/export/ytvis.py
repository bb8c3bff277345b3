"""YouTube-VIS: `<split>/instances.json` as its annotations are, `results/<split>.json` as its
submissions are.

One video entry per clip, with every frame that was tracked, from the first to the last that has an
object; a mask or null for each. Annotations hold uncompressed RLE and the submission compressed
RLE, as the benchmark's own files do and its readers expect. A track's score is the mean of its
masks'.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from trawl import masks
from trawl.export.coco import array, document
from trawl.export.stretch import Categories, Instance, Object, Put, Stretch


@dataclass
class _Part:
    """The two files of a split as they grow; JSON texts."""

    videos: list[str] = field(default_factory=list)
    annotations: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)


def write(stretches: Iterable[Stretch], categories: Categories, put: Put) -> Counter[str]:
    """Two files for each split, numbers from 1 in each."""
    parts: dict[str, _Part] = {}
    for stretch in stretches:
        _add(parts.setdefault(stretch.split, _Part()), stretch)
    for split, part in parts.items():
        lists = {"videos": part.videos, "annotations": part.annotations}
        put(f"{split}/instances.json", document(categories, lists))
        put(f"results/{split}.json", array(part.results).encode())
    return Counter()


def _add(part: _Part, stretch: Stretch) -> None:
    video_id, shown = len(part.videos) + 1, stretch.shown
    video = {
        "id": video_id,
        "file_names": [f"{stretch.name}/{frame_index:05d}.jpg" for frame_index in shown],
        "height": stretch.height,
        "width": stretch.width,
        "length": len(shown),
        "name": stretch.video_id,
        "uri": stretch.uri,
    }
    part.videos.append(json.dumps(video))
    rows: dict[int, dict[int, Instance]] = {one.number: {} for one in stretch.objects}
    for one in stretch.instances:
        rows[one.number][one.frame_index] = one
    for thing in stretch.objects:
        placed = [rows[thing.number].get(frame_index) for frame_index in shown]
        part.annotations.append(
            json.dumps(_annotation(thing, placed, stretch, len(part.annotations) + 1, video_id))
        )
        part.results.append(json.dumps(_result(thing, placed, stretch, video_id)))


def _annotation(
    thing: Object, placed: list[Instance | None], stretch: Stretch, number: int, video_id: int
) -> dict[str, Any]:
    size = [stretch.height, stretch.width]
    return {
        "id": number,
        "video_id": video_id,
        "category_id": thing.category_id,
        "iscrowd": 0,
        "height": stretch.height,
        "width": stretch.width,
        "length": len(placed),
        "segmentations": [
            one and {"size": size, "counts": masks.runs(str(one.rle), *size)} for one in placed
        ],
        "bboxes": [
            one and [*one.box[:2], one.box[2] - one.box[0], one.box[3] - one.box[1]]
            for one in placed
        ],
        "areas": [one and one.area for one in placed],
        "track_id": thing.track_id,
    }


def _result(
    thing: Object, placed: list[Instance | None], stretch: Stretch, video_id: int
) -> dict[str, Any]:
    scores = [one.score for one in placed if one]
    size = [stretch.height, stretch.width]
    return {
        "video_id": video_id,
        "category_id": thing.category_id,
        "score": sum(scores) / len(scores),
        "segmentations": [one and {"size": size, "counts": one.rle} for one in placed],
    }

"""COCO instances: `<split>.json`, one annotation per object and frame, its mask as compressed RLE.

`pycocotools.coco.COCO("train.json")` reads it. Beside what COCO asks for, images carry video_id,
frame_index and time_s (and frame_id, as CocoVID has it), annotations track_id, score, visibility
and flags. Only frames with an annotation are images: where nothing was selected, something may
still be.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trawl.export.stretch import Categories, Instance, Put, Stretch


@dataclass
class _Part:
    """One file as it grows; JSON texts, which take less room than the objects."""

    videos: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    annotations: list[str] = field(default_factory=list)


def write(stretches: Iterable[Stretch], categories: Categories, put: Put) -> Counter[str]:
    """One file for each split, numbers from 1 in each."""
    parts: dict[str, _Part] = {}
    for stretch in stretches:
        _add(parts.setdefault(stretch.split, _Part()), stretch)
    for split, part in parts.items():
        lists = {"videos": part.videos, "images": part.images, "annotations": part.annotations}
        put(f"{split}.json", document(categories, lists))
    return Counter()


def document(categories: Categories, lists: Mapping[str, list[str]]) -> bytes:
    """A file of COCO's shape from lists of JSON texts; one entry a line."""
    named = [
        json.dumps({"id": number, "name": name, "supercategory": "object"})
        for number, name in categories.items()
    ]
    bodies = [f'"{key}": {array(texts)}' for key, texts in {"categories": named, **lists}.items()]
    return ("{" + ",\n".join(['"info": {}', '"licenses": []', *bodies]) + "}\n").encode()


def array(texts: list[str]) -> str:
    """A JSON list of JSON texts, one a line."""
    return "[\n" + ",\n".join(texts) + "\n]"


def _add(part: _Part, stretch: Stretch) -> None:
    video_id = len(part.videos) + 1
    part.videos.append(json.dumps({"id": video_id, "name": stretch.video_id, "uri": stretch.uri}))
    for frame_index, found in stretch.frames():
        image_id = len(part.images) + 1
        image = {
            "id": image_id,
            "file_name": f"{stretch.name}/{frame_index:05d}.jpg",
            "height": stretch.height,
            "width": stretch.width,
            "video_id": video_id,
            "frame_id": frame_index,
            "frame_index": frame_index,
            "time_s": found[0].time_s,
        }
        part.images.append(json.dumps(image))
        for one in found:
            own = {"id": len(part.annotations) + 1, "image_id": image_id, "video_id": video_id}
            part.annotations.append(json.dumps(own | _annotation(one, stretch)))


def _annotation(one: Instance, stretch: Stretch) -> dict[str, Any]:
    left, top, right, bottom = one.box
    return {
        "category_id": one.category_id,
        "segmentation": {"size": [stretch.height, stretch.width], "counts": one.rle},
        "bbox": [left, top, right - left, bottom - top],
        "area": one.area,
        "iscrowd": 0,
        "instance_id": one.number,
        "track_id": one.track_id,
        "score": one.score,
        "visibility": one.visibility.value,
        "flags": list(one.flags),
    }

"""MOTS text: masks of a whole video, `<split>/<sequence>/gt/gt.txt` and seqinfo.ini, and
seqmaps/<split>.txt.

A line is: frame, id, class, height, width, compressed RLE. frame = frame_index + 1, id = 1000 class
+ number. Masks of one frame may not overlap: the higher score keeps the pixel. The same text serves
as ground truth and as a tracker's output.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from trawl import masks
from trawl.errors import ConfigError
from trawl.export.mot import labels, sequence_ini
from trawl.export.overlaps import flatten
from trawl.export.stretch import Categories, Put, Stretch

MOST_OBJECTS = 999
IGNORE = 10  # the class that means "a region to ignore"


def write(stretches: Iterable[Stretch], categories: Categories, put: Put) -> Counter[str]:
    """Two files for each video, one for each split.

    Returns:
        what non-overlapping cost; see `overlaps.flatten`.

    Raises:
        ConfigError: a class has the number that MOTS reserves, or a video more objects than ids
            have room for.
    """
    if IGNORE in categories:
        raise ConfigError(
            f"classes gives {categories[IGNORE]!r} the number {IGNORE}, by which MOTS means regions to ignore"
        )
    names: dict[str, list[str]] = {}
    cost: Counter[str] = Counter()
    for stretch in stretches:
        if len(stretch.objects) > MOST_OBJECTS:
            raise ConfigError(
                f"{stretch.video_id} has {len(stretch.objects)} objects and format=mots holds {MOST_OBJECTS} in a video: "
                "take fewer with where=..."
            )
        names.setdefault(stretch.split, []).append(stretch.name)
        folder = f"{stretch.split}/{stretch.name}"
        put(f"{folder}/gt/gt.txt", "".join(_lines(stretch, cost)).encode())
        put(f"{folder}/seqinfo.ini", sequence_ini(stretch))
    for split, found in names.items():
        put(f"seqmaps/{split}.txt", "\n".join(["name", *found, ""]).encode())
    put("labels.txt", labels(categories))
    return cost


def _lines(stretch: Stretch, cost: Counter[str]) -> Iterator[str]:
    size = stretch.height, stretch.width
    for frame_index, found in stretch.frames():
        picture, lost = flatten(found, *size)
        cost.update(lost)
        for one in found:
            rle = masks.encode(np.equal(picture, one.number)) if lost else one.rle
            if not lost or np.any(picture == one.number):
                identity = 1000 * one.category_id + one.number
                yield f"{frame_index + 1} {identity} {one.category_id} {size[0]} {size[1]} {rle}\n"

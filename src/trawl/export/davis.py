"""DAVIS: one indexed PNG per frame, `Annotations/Full-Resolution/<sequence>/<frame_index>.png`, an
object's number its index.

A sequence is a clip, every frame that was tracked, from the first to the last that has an object;
`ImageSets/2017/<split>.txt` lists the sequences. A pixel has one object: the higher score keeps it.
0 is background and 255 is void, which leaves 254 objects a clip.
"""

import io
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from trawl.errors import ConfigError
from trawl.export.overlaps import flatten
from trawl.export.stretch import Categories, Put, Stretch

MOST_OBJECTS = 254


def write(stretches: Iterable[Stretch], categories: Categories, put: Put) -> Counter[str]:
    """A folder for each clip, a list for each split.

    Returns:
        what non-overlapping cost; see `overlaps.flatten`.

    Raises:
        ConfigError: a clip has more objects than a PNG's palette has room for.
    """
    names: dict[str, list[str]] = {}
    cost: Counter[str] = Counter()
    for stretch in stretches:
        if len(stretch.objects) > MOST_OBJECTS:
            raise ConfigError(
                f"{stretch.video_id} has {len(stretch.objects)} objects in one clip and format=davis holds {MOST_OBJECTS}: "
                "take fewer with where=..."
            )
        names.setdefault(stretch.split, []).append(stretch.name)
        frames = dict(stretch.frames())
        for frame_index in stretch.shown:
            labels, lost = flatten(frames.get(frame_index, []), stretch.height, stretch.width)
            cost.update(lost)
            name = f"Annotations/Full-Resolution/{stretch.name}/{frame_index:05d}.png"
            put(name, indexed_png(labels.astype(np.uint8)))
    for split, found in names.items():
        put(f"ImageSets/2017/{split}.txt", "\n".join([*found, ""]).encode())
    return cost


def indexed_png(labels: NDArray[np.uint8]) -> bytes:
    """(H, W) uint8 as a PNG of 8-bit indices with the palette of DAVIS 2017."""
    from PIL import Image

    picture = Image.fromarray(labels)
    picture.putpalette(PALETTE.tobytes())
    sink = io.BytesIO()
    picture.save(sink, format="PNG")
    return sink.getvalue()


def _palette() -> NDArray[np.uint8]:
    """(256, 3): the colours of PASCAL VOC, which DAVIS 2017 took over.

    A colour's bits are those of its index, dealt in turn.
    """
    index = np.arange(256)
    channels = [
        sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8))
        for channel in range(3)
    ]
    return np.stack(channels, axis=1).astype(np.uint8)


PALETTE = _palette()

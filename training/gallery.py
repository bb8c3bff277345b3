"""Pictures to test the demo CLIP on: drawn afresh from test seeds, or decoded from a corpus's test
videos.

Both come as the embedder would see them (squashed to the model's square, bicubic with antialiasing)
with exact truth. Knows nothing of models. Drawn pictures skip the codec but never repeat a scene;
decoded ones have been through H.264, and neighbours look alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from training.phrases import Want
from trawl import masks
from trawl.demo import words
from trawl.demo.render import Canvas
from trawl.demo.scene import choose_pairs, sample
from trawl.ground.clip import squashed

_SIZES = ((240, 320), (216, 384), (320, 320), (300, 400), (360, 320))


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing in a picture: what it is, the visible share of it, and where, (S, S) bool."""

    want: Want
    share: float
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Gallery:
    """images (N, S, S, 3) uint8 and, for each, what can be seen in it."""

    images: NDArray[np.uint8]
    seen: tuple[tuple[Seen, ...], ...]


def drawn(
    seed: int, count: int, size: int, split: str = "test", pairs: Sequence[words.Pair] | None = None
) -> Gallery:
    """`count` unrelated scenes of 1 to 5 things.

    The split is part of the seed; test holds unseen pairs, val does not.
    """
    allowed = pairs or (words.SEEN + words.UNSEEN if split == "test" else words.SEEN)
    images, seen = [], []
    for index in range(count):
        rng = np.random.default_rng([seed, {"val": 21, "test": 22}[split], index])
        scene = sample(rng, choose_pairs(rng, allowed, int(rng.choice([1, 2, 3, 4, 5]))), 8.0)
        height, width = _SIZES[int(rng.integers(len(_SIZES)))]
        picture = Canvas(scene, height, width).at(float(rng.uniform(0, 8)))
        images.append(squashed(picture.image, size))
        things = []
        for k, (thing, whole) in enumerate(zip(scene.things, picture.whole)):
            mask = picture.ids == k
            share = float(mask.sum()) / max(whole, 1.0)
            things.append(
                Seen(Want(thing.color, thing.shape, thing.size), share, _small(mask, size))
            )
        seen.append(tuple(things))
    return Gallery(np.stack(images), tuple(seen))


def decoded(corpus: Path, size: int, every_s: float = 0.5, split: str = "test") -> Gallery:
    """A frame every `every_s` seconds of each video in a part of a corpus that `corpus.ensure`
    made.
    """
    rows = pq.read_table(
        corpus / "truth" / "objects.parquet", filters=[("split", "=", split)]
    ).to_pylist()
    at: dict[tuple[str, int], list[Seen]] = {}
    videos = pq.read_table(
        corpus / "truth" / "videos.parquet", filters=[("split", "=", split)]
    ).to_pylist()
    wanted = {
        video["video_id"]: _frame_numbers(video["num_frames"], video["fps"], every_s)
        for video in videos
    }
    for row in rows:
        if row["frame_index"] in wanted[row["video_id"]]:
            mask = _small(masks.decode(row["rle"], row["height"], row["width"]), size)
            thing = Seen(Want(row["color"], row["shape"], row["size"]), row["visibility"], mask)
            at.setdefault((row["video_id"], row["frame_index"]), []).append(thing)
    images, seen = [], []
    for video_id, numbers in wanted.items():
        with av.open(str(corpus / "videos" / video_id)) as file:
            for number, frame in enumerate(file.decode(video=0)):
                if number in numbers:
                    stored: NDArray[np.uint8] = np.asarray(
                        frame.to_ndarray(format="rgb24"), dtype=np.uint8
                    )
                    upright = np.rot90(stored, frame.rotation // 90)
                    images.append(squashed(upright, size))
                    seen.append(tuple(at.get((video_id, number), ())))
    return Gallery(np.stack(images), tuple(seen))


def _small(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    rows = (np.arange(size) + 0.5) * mask.shape[0] / size
    columns = (np.arange(size) + 0.5) * mask.shape[1] / size
    small: NDArray[np.bool_] = mask[rows.astype(int)[:, None], columns.astype(int)]
    return small


def _frame_numbers(num_frames: int, fps: float, every_s: float) -> frozenset[int]:
    return frozenset(range(0, num_frames, max(round(every_s * fps), 1)))

"""Videos with exact masks to test trackers on: drawn afresh from test seeds, or decoded from a
corpus's test videos.

At the size at which they are displayed. Knows nothing of models. Drawn films skip the codec and
never repeat a scene; decoded ones have been through H.264.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from trawl import masks
from trawl.demo import words
from trawl.demo.render import Canvas
from trawl.demo.scene import choose_pairs, sample

_SIZES = ((240, 320), (216, 384), (320, 320), (300, 400), (360, 320))
_RATES = (24, 25, 30)
_CLEAR = 0.5  # share of a thing that must be seen on the first frame for it to be followed
_DURATION_S = 8.0


@dataclass(frozen=True, slots=True)
class Film:
    """T frames of a video and K things that are clearly seen on the first.

    frames (T, H, W, 3) uint8 RGB; masks (K, T, H, W) bool; shares (K, T): the visible share of each
    thing, of its whole area inside and outside the picture; speeds (K,): mean shares of the short
    side per second; things: how many are in sight on the first frame, followed or not.
    """

    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    shares: NDArray[np.float64]
    speeds: NDArray[np.float64]
    things: int


def drawn(seed: int, count: int, length: int, split: str = "test") -> Iterator[Film]:
    """`count` unrelated scenes of 1 to 5 things, `length` frames each.

    The split is part of the seed; test holds pairs never seen in training, val does not.
    """
    allowed = words.SEEN + words.UNSEEN if split == "test" else words.SEEN
    for index in range(count):
        rng = np.random.default_rng([seed, {"val": 31, "test": 32}[split], index])
        while (film := _draw(rng, allowed, length)) is None:
            pass
        yield film


def _draw(rng: np.random.Generator, allowed: tuple[words.Pair, ...], length: int) -> Film | None:
    scene = sample(rng, choose_pairs(rng, allowed, int(rng.choice([1, 2, 3, 4, 5]))), _DURATION_S)
    height, width = _SIZES[int(rng.integers(len(_SIZES)))]
    rate = int(rng.choice(_RATES))
    start = float(rng.uniform(0, max(_DURATION_S - length / rate, 0)))
    times = start + np.arange(length) / rate
    canvas = Canvas(scene, height, width)
    first = canvas.at(start)
    kept = [
        k
        for k, whole in enumerate(first.whole)
        if (first.ids == k).sum() >= _CLEAR * max(whole, 1.0)
    ]
    if not kept:
        return None
    pictures = [canvas.at(float(time_s)) for time_s in times]
    seen = np.stack([[picture.ids == k for picture in pictures] for k in kept])
    whole = np.array([[max(picture.whole[k], 1.0) for picture in pictures] for k in kept])
    speeds = []
    for k in kept:
        places = (
            np.array([scene.things[k].place(float(t)) for t in times])
            * (width, height)
            / min(width, height)
        )
        speeds.append(
            np.linalg.norm(np.diff(places, axis=0), axis=1).mean() * rate if length > 1 else 0.0
        )
    return Film(
        frames=np.stack([picture.image for picture in pictures]),
        masks=seen,
        shares=seen.sum(axis=(2, 3)) / whole,
        speeds=np.array(speeds),
        things=int(sum((first.ids == k).any() for k in range(len(scene.things)))),
    )


def decoded(
    corpus: Path, length: int, split: str = "test", most: int | None = None
) -> Iterator[Film]:
    """The beginning of each video of a part of a corpus that `corpus.ensure` made: up to `length`
    frames from the first that shows something. most: only so many videos.
    """
    videos = pq.read_table(
        corpus / "truth" / "videos.parquet", filters=[("split", "=", split)]
    ).to_pylist()
    for video in videos[:most]:
        only = [("video_id", "=", video["video_id"])]
        rows = pq.read_table(corpus / "truth" / "objects.parquet", filters=only).to_pylist()
        clear = [row for row in rows if row["visibility"] >= _CLEAR]
        if clear:
            yield _decode(
                corpus / "videos" / video["video_id"],
                rows,
                min(r["frame_index"] for r in clear),
                length,
            )


def _decode(path: Path, rows: list[dict[str, Any]], start: int, length: int) -> Film:
    frames, times = [], []
    with av.open(str(path)) as file:
        for number, frame in enumerate(file.decode(video=0)):
            if start <= number < start + length:
                stored: NDArray[np.uint8] = np.asarray(
                    frame.to_ndarray(format="rgb24"), dtype=np.uint8
                )
                frames.append(np.rot90(stored, frame.rotation // 90))
                times.append(float(frame.time or 0.0))
    height, width = frames[0].shape[:2]
    at = {(row["object_id"], row["frame_index"] - start): row for row in rows}
    first = [row for row in rows if row["frame_index"] == start]
    kept = [row["object_id"] for row in first if row["visibility"] >= _CLEAR]
    seen = np.zeros((len(kept), len(frames), height, width), dtype=bool)
    shares = np.zeros(seen.shape[:2])
    speeds = np.zeros(len(kept))
    for n, k in enumerate(kept):
        there = [(t, at[k, t]) for t in range(len(frames)) if (k, t) in at]
        for t, row in there:
            seen[n, t] = masks.decode(row["rle"], height, width)
            shares[n, t] = row["visibility"]
        # where all of it can be seen its box's middle is its place
        whole = [(times[t], row["box"]) for t, row in there if row["visibility"] > 0.97]
        moved = [
            np.hypot(b[0] + b[2] - a[0] - a[2], b[1] + b[3] - a[1] - a[3])
            / 2
            / min(height, width)
            / max(v - u, 1e-6)
            for (u, a), (v, b) in itertools.pairwise(whole)
        ]
        speeds[n] = float(np.mean(moved)) if moved else 0.0
    return Film(np.stack(frames), seen, shares, speeds, sum(row["area"] > 0 for row in first))

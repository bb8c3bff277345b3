"""Freshly drawn training clips with their masks and prompts, for the demo SAM 2: lesson `step` of a
seed is always the same, and none comes twice.

A clip is a handful of instants of a scene, neighbours in a video or seconds apart, forward or
backward; a clip of one instant is a picture. Drawn larger than needed and of many aspects, damaged
a little as a codec would, squashed to a
square: what tracking does to frames. Only pairs in `words.SEEN` appear. Knows nothing of torch.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trawl.demo import words
from trawl.demo.render import Canvas, Picture
from trawl.demo.scene import Scene, choose_pairs, sample

_SHARE = 2  # clips that share a background: it costs more to paint than all else
_DURATION_S = 8.0
_ASPECTS = ((3, 4), (9, 16), (1, 1), (3, 4), (5, 9), (9, 8), (4, 3), (16, 9))  # H to W
_MOST = 4  # objects followed in a clip
_CLICKS = 3
# what must be seen of an object on the first frame for it to be asked for
_LEAST_PIXELS, _LEAST_SHARE = 24, 0.3


@dataclass(frozen=True, slots=True)
class Lesson:
    """N clips of T frames and M objects in them, each prompted on its clip's first frame.

    images (N, T, S, S, 3) uint8 RGB; ids (N, T, S, S) int8, the thing on top or -1; clip, thing
    (M,) int64: which clip and which id an object is; boxes (M, 4) float32 x0 y0 x1 y1 in pixels of
    S, as inexact as those of a detector; clicks (M, 3, 2) float32 x y, the first on the object, the
    others right or wrong of it; click_labels (M, 3) int32 1 on the object and 0 off it; sparse:
    whether frames are far apart; long_ago: whether the first lies seconds before the others.
    """

    images: NDArray[np.uint8]
    ids: NDArray[np.int8]
    clip: NDArray[np.int64]
    thing: NDArray[np.int64]
    boxes: NDArray[np.float32]
    clicks: NDArray[np.float32]
    click_labels: NDArray[np.int32]
    sparse: bool = True
    long_ago: bool = False

    def masks(self) -> NDArray[np.bool_]:
        """(M, T, S, S): the visible part of each object."""
        return np.asarray(self.ids[self.clip] == self.thing[:, None, None, None])

    def others(self) -> NDArray[np.bool_]:
        """(M, T, S, S): the visible parts of all other things."""
        return np.asarray((self.ids[self.clip] >= 0) & ~self.masks())


def draw_lesson(
    seed: int, step: int, clips: int, frames: int, size: int, sparse: bool = True
) -> Lesson:
    """Lesson number `step`: `clips` clips (a multiple of 2) of `frames` frames of size x size.

    sparse: frames far apart, for which nothing is as it was; otherwise most are neighbours, or
    nearly, in a video, but for two lessons in five in which the first frame was long ago.
    """
    rng = np.random.default_rng([seed, 17, frames, step])
    long_ago = not sparse and bool(rng.random() < 0.4)
    pace = _sparse if sparse else partial(_dense, long_ago=long_ago)
    drawn = [one for _ in range(clips // _SHARE) for one in _draw_some(rng, frames, size, pace)]
    ids = np.stack([d[1] for d in drawn])
    clip, thing = [], []
    for n, (_, _, shares) in enumerate(drawn):
        found = _askable(ids[n, 0], shares)
        chosen = rng.permutation(found)[:_MOST]
        clip += [n] * len(chosen)
        thing += [int(k) for k in chosen]
    prompts = [_prompt(rng, ids[n, 0], k) for n, k in zip(clip, thing)]
    return Lesson(
        images=np.stack([d[0] for d in drawn]),
        ids=ids,
        clip=np.array(clip, dtype=np.int64),
        thing=np.array(thing, dtype=np.int64),
        boxes=np.array([p[0] for p in prompts], dtype=np.float32).reshape(-1, 4),
        clicks=np.array([p[1] for p in prompts], dtype=np.float32).reshape(-1, _CLICKS, 2),
        click_labels=np.array([p[2] for p in prompts], dtype=np.int32).reshape(-1, _CLICKS),
        sparse=sparse,
        long_ago=long_ago,
    )


# images, ids, shares seen on the first frame
_Drawn = tuple[NDArray[np.uint8], NDArray[np.int8], NDArray[np.float64]]
_Pace = Callable[[np.random.Generator, int], NDArray[np.float64]]


def _draw_some(rng: np.random.Generator, frames: int, size: int, pace: _Pace) -> list[_Drawn]:
    aspect = _ASPECTS[int(rng.integers(len(_ASPECTS)))]
    unit = size * float(rng.uniform(1.15, 1.6)) / (aspect[0] * aspect[1]) ** 0.5
    height, width = round(aspect[0] * unit), round(aspect[1] * unit)
    canvases = [Canvas(_scene(rng), height, width)]
    while len(canvases) < _SHARE:
        scene = replace(_scene(rng), backdrops=canvases[0].scene.backdrops)
        canvases.append(Canvas(scene, height, width, canvases[0].textures))
    return [_film(rng, canvas, pace(rng, frames), size) for canvas in canvases]


def _scene(rng: np.random.Generator) -> Scene:
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.08, 0.22, 0.3, 0.25, 0.15]))
    return sample(rng, choose_pairs(rng, words.SEEN, count), _DURATION_S)


def _film(rng: np.random.Generator, canvas: Canvas, pace: NDArray[np.float64], size: int) -> _Drawn:
    """One clip: the start of several that shows something, and among those sometimes the most
    eventful.
    """
    frames = len(pace)
    starts = [float(rng.uniform(0, max(_DURATION_S - pace[-1], 0.1))) for _ in range(4)]
    if frames > 1 and rng.random() < 0.5:
        starts.sort(key=lambda start: -_eventful(canvas.scene, start + pace))
    turned = rng.random() < 0.3
    wear = _Wear(rng)
    images, ids = (
        np.empty((frames, size, size, 3), np.uint8),
        np.empty((frames, size, size), np.int8),
    )
    shares = np.zeros(0)
    for start in starts:
        times = start + pace
        first = canvas.at(float(times[-1] if turned else times[0]))
        shares = _shares(first)
        if (shares >= _LEAST_SHARE).any():
            break
    for t, time_s in enumerate(times[::-1] if turned else times):
        picture = canvas.at(float(time_s))
        image = wear(picture.image)
        images[t] = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        ids[t] = cv2.resize(picture.ids, (size, size), interpolation=cv2.INTER_NEAREST)
    return images, ids, shares


def _sparse(rng: np.random.Generator, frames: int) -> NDArray[np.float64]:
    """(frames,) seconds from the first frame: every frame of a video, or every few, or a look now
    and then; and sometimes a long pause after the first.
    """
    gap = float(np.exp(rng.uniform(math.log(1 / 30), math.log(0.5))))
    gaps = gap * rng.uniform(0.7, 1.3, frames)
    gaps[0] = 0.0
    if frames > 1 and rng.random() < 0.4:
        gaps[1] += float(rng.uniform(0, 2.5))
    return np.asarray(np.cumsum(gaps))


def _dense(rng: np.random.Generator, frames: int, long_ago: bool) -> NDArray[np.float64]:
    """(frames,) seconds from the first frame: mostly one or two frames of a video apart, at times
    up to half a second.
    """
    low, high = ((1 / 30, 1 / 12), (1 / 12, 1 / 4), (1 / 4, 1 / 2))[
        int(rng.choice(3, p=[0.75, 0.2, 0.05]))
    ]
    gaps = float(np.exp(rng.uniform(math.log(low), math.log(high)))) * rng.uniform(0.7, 1.3, frames)
    gaps[0] = 0.0
    if long_ago:
        gaps[1] += float(rng.uniform(0.5, 4))
    return np.asarray(np.cumsum(gaps))


def _eventful(scene: Scene, times: NDArray[np.float64]) -> float:
    """How much things come near each other or to the edge in between; a rough guess from centres
    and diameters.
    """
    score = 0.0
    for time_s in times[1:]:
        here = [
            (thing.place(float(time_s)), thing.diameter)
            for thing in scene.things
            if thing.present(float(time_s))
        ]
        for k, ((x, y), d) in enumerate(here):
            score += 0.5 * float(not (d / 3 < x < 1 - d / 3 and d / 3 < y < 1 - d / 3))
            score += sum(float(math.hypot(x - u, y - v) < 0.4 * (d + e)) for (u, v), e in here[:k])
    return score


class _Wear:
    """Light, blur and compression of one clip: the same for all its frames."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.gain = float(rng.uniform(0.88, 1.1)) if rng.random() < 0.5 else 1.0
        self.lift = float(rng.uniform(0, 8)) if rng.random() < 0.5 else 0.0
        self.blur = float(rng.uniform(0.4, 1.1)) if rng.random() < 0.2 else 0.0
        self.quality = int(rng.integers(35, 90)) if rng.random() < 0.35 else 0

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        worn: Any = image
        if self.gain != 1.0 or self.lift:
            worn = cv2.convertScaleAbs(worn, alpha=self.gain, beta=self.lift)
        if self.blur:
            worn = cv2.GaussianBlur(worn, (0, 0), self.blur)
        if self.quality:
            _, packed = cv2.imencode(".jpg", worn, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
            worn = cv2.imdecode(packed, cv2.IMREAD_COLOR)
        return np.asarray(worn, dtype=np.uint8)


def _shares(picture: Picture) -> NDArray[np.float64]:
    """(things,) visible share of each thing."""
    areas = np.bincount(picture.ids.ravel() + 1, minlength=len(picture.whole) + 1)[1:]
    return np.asarray(areas / np.maximum(picture.whole, 1.0))


def _askable(ids: NDArray[np.int8], shares: NDArray[np.float64]) -> list[int]:
    counts = np.bincount(ids.ravel() + 1, minlength=len(shares) + 1)[1:]
    return [
        k for k in range(len(shares)) if shares[k] >= _LEAST_SHARE and counts[k] >= _LEAST_PIXELS
    ]


def tight_box(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(4,) x0 y0 x1 y1 of a mask (H, W) that is not empty; the far edges lie behind the last pixel."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)


def _prompt(
    rng: np.random.Generator, ids: NDArray[np.int8], thing: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    mask = ids == thing
    box = tight_box(mask)
    clicks, labels = [_inside(rng, mask)], [1]
    while len(clicks) < _CLICKS:
        if rng.random() < 0.5:
            clicks.append(_inside(rng, mask))
            labels.append(1)
        else:
            clicks.append(_outside(rng, ids, mask, box))
            labels.append(0)
    return _inexact(rng, box, ids.shape[0]), np.array(clicks), np.array(labels, dtype=np.int32)


def _inside(rng: np.random.Generator, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A pixel of the mask (x, y); the better of two, farther from its edge."""
    rows, columns = mask.nonzero()
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    some = rng.integers(len(rows), size=2)
    best = some[int(np.argmax(depth[rows[some], columns[some]]))]
    return np.array([columns[best], rows[best]], dtype=np.float64)


def _outside(
    rng: np.random.Generator,
    ids: NDArray[np.int8],
    mask: NDArray[np.bool_],
    box: NDArray[np.float64],
) -> NDArray[np.float64]:
    """A pixel off the mask (x, y): on another thing, or near the object."""
    off = (ids >= 0) & ~mask
    if rng.random() < 0.5 or not off.any():
        near = np.zeros_like(mask)
        grow = 4 + 0.25 * (box[2:] - box[:2]).max()
        low = np.maximum(box[:2] - grow, 0).astype(int)
        high = np.ceil(box[2:] + grow).astype(int)
        near[low[1] : high[1], low[0] : high[0]] = True
        off = near & ~mask
    if not off.any():
        off = ~mask
    rows, columns = off.nonzero()
    pick = int(rng.integers(len(rows)))
    return np.array([columns[pick], rows[pick]], dtype=np.float64)


def _inexact(rng: np.random.Generator, box: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The box as a detector would have it: nearly right, or sides off by a seventh, or snapped to a
    coarse grid.
    """
    sides = np.tile(box[2:] - box[:2], 2)
    kind = rng.random()
    if kind < 0.25:
        noisy = box + rng.normal(0, 0.14, 4) * sides
    elif kind < 0.45:
        cell = size / float(rng.integers(12, 17))
        noisy = np.concatenate([np.floor(box[:2] / cell), np.ceil(box[2:] / cell)]) * cell
    else:
        noisy = box + rng.normal(0, 0.04, 4) * sides
    noisy = noisy.clip(0, size)
    return noisy if (noisy[2:] - noisy[:2] >= 4).all() else box

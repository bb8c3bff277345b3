"""Freshly drawn training pictures with their truth: batch `step` of a seed is always the same, and
none comes twice.

Drawn larger than needed and of many aspects, sometimes cropped around one thing, damaged a little
as a codec would, then squashed to a square: what the index does to frames. Only pairs in
`words.SEEN` appear. Knows nothing of torch or of the text tower.
"""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.phrases import Phrase, Want, caption
from trawl.demo import words
from trawl.demo.render import Canvas, Picture
from trawl.demo.scene import Scene, choose_pairs, sample

_SHARE = 4  # pictures that share a background
# visible share above which a thing counts as shown, and below which as not
CLEAR, HIDDEN = 0.5, 0.12
_ASPECTS = ((3, 4), (9, 16), (1, 1), (3, 4), (5, 9), (9, 8), (4, 3), (16, 9))  # H to W


@dataclass(frozen=True, slots=True)
class Shown:
    """A thing in a picture: what it is, and the share of it that can be seen."""

    want: Want
    share: float


@dataclass(frozen=True, slots=True)
class Batch:
    """images (N, S, S, 3) uint8; ids (N, S, S) int8, index into that picture's `shown` or -1;
    captions: one or two a picture.
    """

    images: NDArray[np.uint8]
    ids: NDArray[np.int8]
    shown: tuple[tuple[Shown, ...], ...]
    backgrounds: tuple[str, ...]
    captions: tuple[Phrase, ...]


def draw_batch(
    seed: int,
    step: int,
    count: int,
    size: int,
    easy: bool = False,
    pairs: tuple[words.Pair, ...] = words.SEEN,
) -> Batch:
    """Batch number `step`, `count` pictures (a multiple of 4) of size x size.

    easy: four large things in a square, undamaged picture. Shapes are learned half again as fast on
    these first.
    """
    rng = np.random.default_rng([seed, 7, step])
    drawn = [one for _ in range(count // _SHARE) for one in _draw_some(rng, size, easy, pairs)]
    captions = []
    for _, _, shown, background in drawn:
        clear = [s.want for s in shown if s.share >= CLEAR]
        if clear:
            captions.append(caption(rng, clear, background))
    return Batch(
        images=np.stack([d[0] for d in drawn]),
        ids=np.stack([d[1] for d in drawn]),
        shown=tuple(d[2] for d in drawn),
        backgrounds=tuple(d[3] for d in drawn),
        captions=tuple(captions),
    )


def truth(phrases: tuple[Phrase, ...], batch: Batch) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(Q, N) whether each phrase is true of each picture, and whether that is beyond doubt.

    A thing that is partly hidden makes its phrases doubtful: neither true nor false.
    """
    true = np.zeros((len(phrases), len(batch.shown)), dtype=bool)
    possible = np.zeros_like(true)
    for n, shown in enumerate(batch.shown):
        clear = _met(shown, CLEAR)
        maybe = _met(shown, HIDDEN)
        for q, phrase in enumerate(phrases):
            if phrase.background in ("", batch.backgrounds[n]):
                true[q, n] = all(want in clear for want in phrase.wants)
                possible[q, n] = all(want in maybe for want in phrase.wants)
    return true, true | ~possible


def _met(shown: tuple[Shown, ...], least: float) -> set[Want]:
    """Every want that some thing with at least this share visible meets."""
    met: set[Want] = set()
    for s in shown:
        if s.share >= least:
            c, k, z = s.want.color, s.want.shape, s.want.size
            met |= {Want(c, k, z), Want(c, k), Want(color=c), Want(shape=k)}
    return met


# image, ids, what is shown, over what
_Drawn = tuple[NDArray[np.uint8], NDArray[np.int8], tuple[Shown, ...], str]


def _draw_some(
    rng: np.random.Generator, size: int, easy: bool, pairs: tuple[words.Pair, ...]
) -> list[_Drawn]:
    """Pictures of different things over one background: it costs more to paint than all else, and
    tells nothing.
    """
    aspect = (1, 1) if easy else _ASPECTS[int(rng.integers(len(_ASPECTS)))]
    unit = size * float(rng.uniform(1.2, 1.8)) / (aspect[0] * aspect[1]) ** 0.5
    height, width = round(aspect[0] * unit), round(aspect[1] * unit)
    canvases = [Canvas(_scene(rng, easy, pairs), height, width)]
    while len(canvases) < _SHARE:
        scene = replace(_scene(rng, easy, pairs), backdrops=canvases[0].scene.backdrops)
        canvases.append(Canvas(scene, height, width, canvases[0].textures))
    return [_finish(rng, canvas, size, worn=not easy) for canvas in canvases]


def _scene(rng: np.random.Generator, easy: bool, pairs: tuple[words.Pair, ...]) -> Scene:
    count = 4 if easy else int(rng.choice([1, 2, 3, 4, 5], p=[0.2, 0.25, 0.25, 0.2, 0.1]))
    scene = sample(rng, choose_pairs(rng, pairs, count), 8.0)
    if not easy:
        return scene
    return replace(
        scene,
        things=tuple(replace(t, diameter=float(rng.uniform(0.28, 0.45))) for t in scene.things),
    )


def _finish(rng: np.random.Generator, canvas: Canvas, size: int, worn: bool) -> _Drawn:
    picture = canvas.at(float(rng.uniform(0, 8)))
    image, ids = picture.image, picture.ids
    if worn:
        image = _worn(rng, image)
        if rng.random() < 0.12:
            image, ids = _crop(rng, image, ids)
    shown = _shown(canvas.scene, picture, ids)
    image = np.asarray(
        cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
    ids = np.asarray(cv2.resize(ids, (size, size), interpolation=cv2.INTER_NEAREST), dtype=np.int8)
    return image, ids, shown, canvas.scene.backdrops[0].kind


def _shown(scene: Scene, picture: Picture, ids: NDArray[np.int8]) -> tuple[Shown, ...]:
    areas = np.bincount(ids.ravel() + 1, minlength=len(scene.things) + 1)[1:]
    return tuple(
        Shown(Want(thing.color, thing.shape, thing.size), float(area) / max(whole, 1.0))
        for thing, area, whole in zip(scene.things, areas, picture.whole)
    )


def _crop(
    rng: np.random.Generator, image: NDArray[np.uint8], ids: NDArray[np.int8]
) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """A square or so around one thing, as a grounder looks closer at a candidate."""
    present = [k for k in np.unique(ids) if k >= 0]
    if not present:
        return image, ids
    rows, columns = (ids == present[int(rng.integers(len(present)))]).nonzero()
    half = max(np.ptp(rows), np.ptp(columns), 12) * float(rng.uniform(0.55, 1.1))
    cy, cx = (
        rows.mean() + half * rng.uniform(-0.2, 0.2),
        columns.mean() + half * rng.uniform(-0.2, 0.2),
    )
    top, left = max(round(cy - half), 0), max(round(cx - half), 0)
    box = (slice(top, max(round(cy + half), top + 8)), slice(left, max(round(cx + half), left + 8)))
    return image[box], ids[box]


def _worn(rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Light, blur and compression that differ from picture to picture."""
    worn: Any = image
    if rng.random() < 0.5:
        gain, lift = rng.uniform(0.88, 1.1), rng.uniform(-8, 8)
        worn = cv2.convertScaleAbs(worn, alpha=gain, beta=max(lift, 0.0))
    if rng.random() < 0.2:
        worn = cv2.GaussianBlur(worn, (0, 0), float(rng.uniform(0.4, 1.1)))
    if rng.random() < 0.35:
        _, packed = cv2.imencode(
            ".jpg", worn, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 90))]
        )
        worn = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return np.asarray(worn, dtype=np.uint8)

"""The demo's backgrounds: eight kinds of texture, each drawn from a random generator, no two alike.

A texture is RGB uint8 (S, S, 3), larger than the frame that looks at it, so that the camera can
pan, zoom and turn. Colours stay duller and less bright or dark than any object's, which is what
makes an object an object here. Knows nothing of objects. There is no fixed bank: train and test
never share a texture, and what that costs is a millisecond or so per texture.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Texture = NDArray[np.uint8]  # (S, S, 3) RGB
_Plane = NDArray[np.float32]  # (S, S), 0-1


def _palette(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """(count, 3) RGB 0-255: one hue and its neighbours, or free hues; dull always."""
    hue = rng.random() * 180 + rng.normal(0, 1 if rng.random() < 0.4 else 14, count)
    saturation = rng.uniform(15, 115, count) * rng.uniform(0.3, 1)
    value = np.clip(
        rng.uniform(95, 190) + rng.permutation(np.linspace(-1, 1, count)) * rng.uniform(14, 55),
        70,
        215,
    )
    hsv = np.stack([hue % 180, saturation, value], axis=1).round().astype(np.uint8)
    return np.asarray(cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0], dtype=np.float32)


def _grid(size: int, angle: float) -> tuple[_Plane, _Plane]:
    """Coordinates 0-1 along and across a direction."""
    line = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return line[None, :] * c + line[:, None] * s, line[:, None] * c - line[None, :] * s


def _plane(level: NDArray[np.floating[Any]]) -> _Plane:
    """Cut to 0-1."""
    return np.asarray(np.clip(level, 0, 1), dtype=np.float32)


def _noise(rng: np.random.Generator, size: int, cells: int) -> _Plane:
    coarse = rng.random((cells + 2, cells + 2), dtype=np.float32)
    return np.asarray(
        cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float32
    )


def _clouds(rng: np.random.Generator, size: int) -> _Plane:
    cells = int(rng.integers(2, 7))
    octaves = [_noise(rng, size, cells * 2**k) * 0.5**k for k in range(4)]
    total = np.asarray(np.sum(octaves, axis=0), dtype=np.float32)
    return _plane(total - 0.45)


def _stripes(rng: np.random.Generator, size: int) -> _Plane:
    x, _ = _grid(size, rng.uniform(0, np.pi))
    phase = x * rng.uniform(5, 26)
    duty, soft = rng.uniform(0.25, 0.75), rng.uniform(0.02, 0.3)
    return _plane((np.abs((phase % 1) - 0.5) * 2 - duty) / soft + 0.5)


def _waves(rng: np.random.Generator, size: int) -> _Plane:
    x, y = _grid(size, rng.uniform(0, np.pi))
    bend = np.sin(y * rng.uniform(6, 34) + rng.uniform(0, 6)) * rng.uniform(0.2, 0.6)
    return _plane(np.sin(x * rng.uniform(30, 130) + bend * np.float32(2 * np.pi)) * 0.5 + 0.5)


def _checks(rng: np.random.Generator, size: int) -> _Plane:
    x, y = _grid(size, rng.uniform(0, np.pi))
    nx, ny = rng.uniform(5, 16, 2)
    return _plane((np.floor(x * nx) + np.floor(y * ny)) % 2)


def _dots(rng: np.random.Generator, size: int) -> _Plane:
    x, y = _grid(size, rng.uniform(0, np.pi))
    n = rng.uniform(7, 20)
    row = np.floor(y * n)
    u, v = (x * n + row * rng.choice([0.0, 0.5])) % 1 - 0.5, (y * n) % 1 - 0.5
    return _plane((rng.uniform(0.16, 0.36) - np.hypot(u, v)) * rng.uniform(6, 20) + 0.5)


def _bricks(rng: np.random.Generator, size: int) -> _Plane:
    x, y = _grid(size, rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]))
    n, ratio, joint = rng.uniform(7, 16), rng.uniform(1.5, 3), rng.uniform(0.06, 0.16)
    row = np.floor(y * n)
    u, v = x * n / ratio + row * 0.5, y * n
    mortar = np.minimum(np.abs((u % 1) - 0.5) * -2 + 1, (np.abs((v % 1) - 0.5) * -2 + 1)) < joint
    tone = np.sin(np.floor(u) * 12.9898 + row * 78.233) * 43758.547 % 1
    return _plane(np.where(mortar, 0.0, 0.45 + 0.55 * tone))


def _facets(rng: np.random.Generator, size: int) -> _Plane:
    plane = np.full((size, size), rng.random(), dtype=np.float32)
    for _ in range(int(rng.integers(14, 40))):
        centre = rng.uniform(0, size, 2)
        points = centre + rng.normal(
            0, size * rng.uniform(0.06, 0.22), (int(rng.integers(3, 6)), 2)
        )
        cv2.fillConvexPoly(
            plane, cv2.convexHull(points.astype(np.int32)), float(rng.random()), cv2.LINE_AA
        )
    return plane


def _gradient(rng: np.random.Generator, size: int) -> _Plane:
    x, y = _grid(size, rng.uniform(0, 2 * np.pi))
    return _plane(x + 0.5 + 0.3 * y * rng.uniform(-1, 1))


_KINDS: dict[str, Callable[[np.random.Generator, int], _Plane]] = {
    "gradient": _gradient,
    "stripes": _stripes,
    "waves": _waves,
    "checks": _checks,
    "dots": _dots,
    "facets": _facets,
    "clouds": _clouds,
    "bricks": _bricks,
}


def paint(kind: str, rng: np.random.Generator, size: int) -> Texture:
    """A texture of a kind in `words.BACKGROUNDS`, (size, size, 3), the same for the same generator
    state.
    """
    plane = _KINDS[kind](rng, size)
    stops = _palette(rng, int(rng.integers(2, 5)))
    ramp = np.stack(
        [np.interp(np.linspace(0, len(stops) - 1, 256), range(len(stops)), c) for c in stops.T],
        axis=1,
    )
    level = np.clip(plane * 255, 0, 255).astype(np.uint8)
    picture = ramp.astype(np.float32)[level]
    light = 1 + (_noise(rng, size, int(rng.integers(1, 4))) - 0.5) * np.float32(
        rng.uniform(0.05, 0.4)
    )
    grain = (_noise(rng, size, max(size // int(rng.integers(2, 5)), 4)) - 0.5) * np.float32(
        rng.uniform(2, 14)
    )
    picture = picture * light[..., None] + grain[..., None]
    return np.asarray(np.clip(picture, 42, 214), dtype=np.uint8)

"""The outlines of the demo's twelve shapes, as polygons in the unit circle.

An outline is one or two closed contours (float32 (P, 2), y down); a second contour is a hole. Knows
nothing of colour, size or place. Every shape differs from the others under rotation and mild
squashing, which is why there is no diamond or ellipse.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Contour = NDArray[np.float32]  # (P, 2), x and y in -1..1
Outline = tuple[Contour, ...]


def _polar(radius: NDArray[np.floating[Any]], angle: NDArray[np.floating[Any]]) -> Contour:
    return np.stack([radius * np.sin(angle), -radius * np.cos(angle)], axis=1).astype(np.float32)


def _angles(count: int) -> NDArray[np.floating[Any]]:
    return np.arange(count) * (2 * np.pi / count)


def _points(*xy: tuple[float, float]) -> Contour:
    return np.array(xy, dtype=np.float32)


def _circle(radius: float = 0.92) -> Contour:
    return _polar(np.full(48, radius), _angles(48))


def _regular(corners: int) -> Outline:
    return (_polar(np.ones(corners), _angles(corners)),)


def _square() -> Outline:
    return (_points((-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)),)


def _star() -> Outline:
    return (_polar(np.tile([1.0, 0.42], 5), _angles(10)),)


def _cross() -> Outline:
    a, b = 0.95, 0.32
    xy = (
        (-b, -a),
        (b, -a),
        (b, -b),
        (a, -b),
        (a, b),
        (b, b),
        (b, a),
        (-b, a),
        (-b, b),
        (-a, b),
        (-a, -b),
        (-b, -b),
    )
    return (_points(*xy),)


def _heart() -> Outline:
    t = _angles(48)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return (np.stack([x / 17, -(y + 2.5) / 16], axis=1).astype(np.float32),)


def _crescent() -> Outline:
    outer = np.linspace(0.62, 2 * np.pi - 0.62, 36)  # the horns open to the top
    end = _polar(np.array([0.98, 0.98]), outer[[0, -1]])
    centre = np.array([0.0, -0.5])
    radius = float(np.hypot(*(end[0] - centre)))
    start = np.arctan2(end[1][0] - centre[0], -(end[1][1] - centre[1]))
    stop = np.arctan2(end[0][0] - centre[0], -(end[0][1] - centre[1]))
    inner = _polar(np.full(30, radius), np.linspace(start + 2 * np.pi, stop, 30)) + centre.astype(
        np.float32
    )
    return (np.concatenate([_polar(np.full(36, 0.98), outer), inner]),)


def _arrow() -> Outline:
    xy = (
        (0, -1),
        (0.78, -0.12),
        (0.3, -0.12),
        (0.3, 0.95),
        (-0.3, 0.95),
        (-0.3, -0.12),
        (-0.78, -0.12),
    )
    return (_points(*xy),)


def _bolt() -> Outline:
    xy = (
        (0.15, -1),
        (-0.62, 0.16),
        (-0.08, 0.16),
        (-0.3, 1),
        (0.62, -0.3),
        (0.06, -0.3),
        (0.55, -1),
    )
    return (_points(*xy),)


def _flower() -> Outline:
    t = _angles(72)
    return (_polar(0.7 + 0.28 * np.cos(6 * t), t),)


def _hourglass() -> Outline:
    xy = ((-0.72, -0.9), (0.72, -0.9), (0.13, 0), (0.72, 0.9), (-0.72, 0.9), (-0.13, 0))
    return (_points(*xy),)


_OUTLINES: dict[str, Callable[[], Outline]] = {
    "circle": lambda: (_circle(),),
    "square": _square,
    "triangle": lambda: _regular(3),
    "cross": _cross,
    "star": _star,
    "ring": lambda: (_circle(0.95), _circle(0.52)),
    "heart": _heart,
    "crescent": _crescent,
    "arrow": _arrow,
    "bolt": _bolt,
    "flower": _flower,
    "hourglass": _hourglass,
}


@cache
def outline(shape: str) -> Outline:
    """The contours of a shape in `words.SHAPES`; its last contour is a hole where there are two."""
    return _OUTLINES[shape]()

"""Draws the trajectories of a clip's objects over one of its frames.

A ring marks where an object was first seen and an arrow where it was last seen. Strokes without a
mask behind them are dashed. The frame is dimmed so that lines of every colour stand out; without a
frame, a plain background takes its place.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trawl.draw.overlay import Pen, Picture, dashes
from trawl.draw.palette import Rgb, color, ink

_DARK: Rgb = (16, 18, 22)
_DIM = 0.55
_GROUND, _GRID = (38, 43, 50), (58, 64, 73)
_GRID_CELLS = 8


@dataclass(frozen=True, slots=True)
class Path:
    """Holds one object's centres in order of time.

    Args:
        points: (N, 2) float32 xy in pixels of the video.
        inferred: (N,) bool, True for a guess without a mask.
    """

    number: int
    points: NDArray[np.float32]
    inferred: NDArray[np.bool_]


def plot(ground: Picture, size: tuple[int, int], paths: Sequence[Path]) -> Picture:
    """Return `ground` with the paths drawn over it.

    Args:
        ground: A picture of the video at any scale.
        size: (height, width) of the video, whose pixels the paths are in.
        paths: Drawn in this order; a path without points is left out.
    """
    canvas = (ground * _DIM).astype(np.uint8)
    scale = max(1.0, min(canvas.shape[:2]) / 480)
    fit = np.array([canvas.shape[1] / size[1], canvas.shape[0] / size[0]], np.float64)
    drawn = [(path, path.points * fit) for path in paths if len(path.points)]
    for path, points in drawn:
        for width, shade in ((5 * scale, _DARK), (2.5 * scale, color(path.number))):
            _line(canvas, points, path.inferred, shade, round(width), scale)
    pen = Pen()
    for path, points in drawn:
        _ends(canvas, points, color(path.number), scale)
        _number(canvas, pen, path.number, points[0], scale)
    return canvas


def empty_ground(size: tuple[int, int], side: int) -> Picture:
    """Return a plain background with a grid, for a video that cannot be shown.

    Args:
        size: (height, width) of the video, whose proportions are kept.
        side: Pixels of the longer side; a small video's background is at most twice its size.
    """
    scale = min(2.0, side / max(size))
    height, width = (max(1, round(side * scale)) for side in size)
    ground = np.full((height, width, 3), _GROUND, np.uint8)
    for k in range(1, _GRID_CELLS):
        ground[:, width * k // _GRID_CELLS] = _GRID
        ground[height * k // _GRID_CELLS, :] = _GRID
    return (ground / _DIM).clip(0, 255).astype(np.uint8)


def _line(
    canvas: Picture,
    points: NDArray[np.float64],
    inferred: NDArray[np.bool_],
    shade: Rgb,
    width: int,
    scale: float,
) -> None:
    """Draw runs of seen points as lines, and runs of guessed points dashed.

    A dashed run includes the points where it joins its neighbours.
    """
    corners = [(float(x), float(y)) for x, y in points]
    start = 0
    for end in range(1, len(corners) + 1):
        if end < len(corners) and inferred[end] == inferred[start]:
            continue
        run = corners[max(start - 1, 0) : end]
        if inferred[start]:
            for a, b in dashes(run + corners[end : end + 1], 6 * scale):
                cv2.line(canvas, a, b, shade, width, cv2.LINE_AA)
        else:
            run = corners[start:end]
            cv2.polylines(
                canvas, [np.round(run).astype(np.int32)], False, shade, width, cv2.LINE_AA
            )
        start = end


def _ends(canvas: Picture, points: NDArray[np.float64], track_color: Rgb, scale: float) -> None:
    first = round(points[0, 0]), round(points[0, 1])
    for radius, shade in ((6.5 * scale, _DARK), (5 * scale, track_color), (2.5 * scale, _DARK)):
        cv2.circle(canvas, first, round(radius), shade, -1, cv2.LINE_AA)
    tip, size = points[-1], 9 * scale
    stroke = tip - next(
        (point for point in points[::-1] if math.dist(point, tip) >= size), points[0]
    )
    if not stroke.any():
        return
    along = stroke / np.linalg.norm(stroke)
    across = np.array([-along[1], along[0]])
    for grown, shade in ((2.5 * scale, _DARK), (0.0, track_color)):
        arrow = np.stack(
            [
                tip + along * (size * 0.6 + grown),
                tip - along * (size * 0.6 + grown) + across * (size * 0.6 + grown),
                tip - along * (size * 0.6 + grown) - across * (size * 0.6 + grown),
            ]
        )
        cv2.fillPoly(canvas, [np.round(arrow).astype(np.int32)], shade, cv2.LINE_AA)


def _number(
    canvas: Picture, pen: Pen, number: int, place: NDArray[np.float64], scale: float
) -> None:
    """Draw a chip with the number beside the first point, inside the picture."""
    size, pad = round(13 * scale), round(3 * scale)
    width, height = pen.size(str(number), size)
    full_width, full_height = width + 2 * pad, height + 2 * pad
    x = min(max(round(place[0] + 9 * scale), 0), max(canvas.shape[1] - full_width, 0))
    y = min(max(round(place[1] - full_height / 2), 0), max(canvas.shape[0] - full_height, 0))
    track_color = color(number)
    cv2.rectangle(canvas, (x, y), (x + full_width, y + full_height), track_color, -1)
    pen.write(canvas, str(number), (x + pad, y + pad), size, ink(track_color))

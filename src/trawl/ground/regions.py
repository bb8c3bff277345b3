"""From a map of a frame to the places worth looking at: boxes around its high parts, each with its
highest point. Pure arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from trawl.masks import bounding_box
from trawl.records.tracking import Prompt

Floats = NDArray[np.float32]

_FINE = 8  # map pixels a patch side, for regions with edges between patches
_SPLIT = 0.6  # share of a region's peak at which its parts are taken for objects of their own
# share of the best candidate's height or score below which others are not worth a mask
FAINT = 0.05


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a map: box (4,) xyxy in map pixels, right and bottom exclusive; peak (x, y), the
    centre of its highest pixel; value of that pixel.
    """

    box: Floats
    peak: tuple[float, float]
    value: float

    def prompt(
        self, object_id: int, position: int, grid: tuple[int, ...], shape: tuple[int, ...]
    ) -> Prompt:
        """This, as a tracker is told it. grid, shape: (height, width) of the map and of the frame."""
        scale = np.array([shape[1] / grid[1], shape[0] / grid[0]], np.float32)
        return Prompt(
            object_id=object_id,
            position=position,
            box=self.box * np.tile(scale, 2),
            points=np.array([self.peak], np.float32) * scale,
            labels=np.array([1], np.int64),
        )


def fine(grid: Floats) -> Floats:
    """(h, w) -> (8 h, 8 w), linear between the patches' centres."""
    smooth: Floats = np.asarray(
        cv2.resize(grid, None, fx=_FINE, fy=_FINE, interpolation=cv2.INTER_LINEAR), dtype=np.float32
    )
    return smooth


def regions(heat: Floats, level: float, limit: int) -> list[Region]:
    """Return the regions where a map is high, the highest first: each a connected part of at least
    `level` times its own peak.

    A region that falls apart at a higher level, as two things side by side do, is given in its
    parts too.

    Args:
        heat: (h, w), none negative.
        level: 0-1.
        limit: regions at most; those with a peak below a twentieth of the highest are left out.
    """
    left = heat.copy()
    found: list[Region] = []
    summits = _summits(heat)
    for summit in summits:
        value = float(heat[summit])
        if len(found) >= limit or (found and value < FAINT * found[0].value):
            break
        if left[summit] > 0:  # not in a higher one's part
            part = _around(left, summit, level * value)
            found.append(_region(part, summit, value))
            found += _parts(left, part, [one for one in summits if part[one]])
            left[part] = 0
    return sorted(found, key=lambda region: -region.value)[:limit]


def _summits(heat: Floats) -> list[tuple[int, int]]:
    """(y, x) of the points that nothing within a patch is higher than, the highest first; one of
    each plateau.
    """
    labels, count = ndimage.label(
        (heat == ndimage.maximum_filter(heat, size=2 * _FINE + 1)) & (heat > 0)
    )
    points = ndimage.maximum_position(heat, labels, range(1, count + 1))
    return sorted(((int(y), int(x)) for y, x in points), key=lambda point: -float(heat[point]))


def _parts(
    heat: Floats, part: NDArray[np.bool_], summits: Sequence[tuple[int, int]]
) -> list[Region]:
    """The surroundings of each summit, highest first, that a valley parts from all higher ones;
    none if there is but one.
    """
    apart: list[Region] = []
    for k, summit in enumerate(summits):
        value = float(heat[summit])
        mine = _around(np.where(part, heat, 0), summit, _SPLIT * value)
        if mine.sum() >= _FINE * _FINE / 2 and not any(mine[higher] for higher in summits[:k]):
            apart.append(_region(mine, summit, value))
    return apart if len(apart) > 1 else []


def _around(heat: Floats, summit: tuple[int, int], threshold: float) -> NDArray[np.bool_]:
    """The connected part at or above a threshold that holds a point."""
    labels, _ = ndimage.label(heat >= threshold)
    part: NDArray[np.bool_] = labels == labels[summit]
    return part


def _region(part: NDArray[np.bool_], summit: tuple[int, int], value: float) -> Region:
    y, x = summit
    return Region(np.array(bounding_box(part), np.float32), (x + 0.5, y + 0.5), value)

"""Rows and masklets written down as rectangles, for tests of what is done to them."""

import numpy as np

from trawl.records.tracking import MaskRow
from trawl.track.masklet import Masklet, row_of

SIZE = (40, 60)
FPS = 10


def rectangle(x, y, w=6, h=6, size=SIZE):
    """(H, W) bool, true in a rectangle with its left top corner at x, y."""
    mask = np.zeros(size, bool)
    mask[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = True
    return mask


def row(index, x, y=10, w=6, h=6, score=0.9, size=SIZE) -> MaskRow:
    found = row_of(rectangle(x, y, w, h, size), index, index / FPS, score)
    assert found is not None
    return found


def masklet(xs, start=0, looks=None, named=None, **kw) -> Masklet:
    """One frame for each x, from `start` on; None is a frame without a row."""
    rows = {start + n: row(start + n, x, **kw) for n, x in enumerate(xs) if x is not None}
    return Masklet(rows, named or {0: 0.5}, looks or {})


def unit(*values):
    vector = np.array(values, np.float32)
    return vector / np.linalg.norm(vector)

"""COCO compressed RLE: how a mask is written in every table.

Masks are bool (H, W). The counts are pycocotools' own ASCII string, so any COCO tool reads them; height and width are
kept in columns of their own. Knows nothing of tables or videos. pycocotools wants column-major uint8, and the copy that
makes is what encoding costs (about 0.1 ms at 320 x 240).
"""

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

Mask = NDArray[np.bool_]  # (H, W)


def encode(mask: Mask) -> str:
    """(H, W) bool -> compressed RLE counts, ASCII. Decoded by `decode` or by pycocotools with `size` [H, W]."""
    counts: bytes = coco.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]
    return counts.decode("ascii")


def decode(rle: str, height: int, width: int) -> Mask:
    """Compressed RLE counts -> (height, width) bool."""
    return np.asarray(coco.decode({"size": [height, width], "counts": rle.encode("ascii")}), dtype=np.bool_)


def area(rle: str, height: int, width: int) -> int:
    """Pixels that the mask covers, without decoding it."""
    return int(coco.area({"size": [height, width], "counts": rle.encode("ascii")}))


def bounding_box(mask: Mask) -> tuple[int, int, int, int]:
    """xyxy pixels, right and bottom exclusive; all zero for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def centroid(rle: str, height: int, width: int) -> tuple[float, float]:
    """(x, y) of a mask's centre of mass in pixels, a pixel's own centre at +0.5; a mask without pixels has (0, 0).

    >>> centroid(encode(np.eye(3, dtype=bool)), 3, 3)
    (1.5, 1.5)
    """
    coded = {"size": [height, width], "counts": rle.encode("ascii")}
    left, top, wide, high = (int(side) for side in coco.toBbox(coded))
    part = coco.decode(coded)[top : top + high, left : left + wide]
    per_column, per_row = part.sum(axis=0, dtype=np.int64), part.sum(axis=1, dtype=np.int64)
    total = int(per_row.sum())
    if not total:
        return 0.0, 0.0
    x, y = per_column @ np.arange(wide) / total, per_row @ np.arange(high) / total
    return left + float(x) + 0.5, top + float(y) + 0.5

"""COCO compressed RLE: how a mask is written in every table.

Masks are bool (H, W). The counts are pycocotools' own ASCII string, so any COCO tool reads them;
height and width are kept in columns of their own. Knows nothing of tables or videos. pycocotools
wants column-major uint8; OpenCV turns a mask over many times as fast as numpy does, whose copy
would be most of what encoding costs.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

Mask = NDArray[np.bool_]  # (H, W)


def encode(mask: Mask) -> str:
    """(H, W) bool -> compressed RLE counts, ASCII.

    Decoded by `decode` or by pycocotools with `size` [H, W].
    """
    counts: bytes = coco.encode(cv2.transpose(np.asarray(mask, np.bool_).view(np.uint8)).T)[
        "counts"
    ]
    return counts.decode("ascii")


def decode(rle: str, height: int, width: int) -> Mask:
    """Compressed RLE counts -> (height, width) bool."""
    return np.asarray(
        coco.decode({"size": [height, width], "counts": rle.encode("ascii")}), dtype=np.bool_
    )


def runs(rle: str, height: int, width: int) -> list[int]:
    """Uncompressed RLE: lengths of runs down the columns, of pixels outside and inside in turn,
    outside first.

    >>> runs(encode(np.eye(2, dtype=bool)), 2, 2)
    [0, 1, 2, 1]
    """
    flat = decode(rle, height, width).ravel(order="F")
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(turns, prepend=0, append=flat.size).tolist()
    return [0, *lengths] if flat[0] else lengths


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
    """(x, y) of a mask's centre of mass in pixels, a pixel's own centre at +0.5; a mask without
    pixels has (0, 0).

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


def iou(a: Sequence[str], b: Sequence[str], height: int, width: int) -> NDArray[np.float64]:
    """RLE of N and M masks -> (N, M) intersection over union, 0-1, without decoding; 0 where both
    are empty.
    """
    return _compare(a, b, height, width, within=False)


def inside(a: Sequence[str], b: Sequence[str], height: int, width: int) -> NDArray[np.float64]:
    """RLE of N and M masks -> (N, M) the share of each of `a` that lies in each of `b`, 0-1; 0 for
    an empty mask.
    """
    return _compare(a, b, height, width, within=True)


def _compare(
    a: Sequence[str], b: Sequence[str], height: int, width: int, within: bool
) -> NDArray[np.float64]:
    if not a or not b:
        return np.zeros((len(a), len(b)))
    first, second = (
        [{"size": [height, width], "counts": rle.encode("ascii")} for rle in group]
        for group in (a, b)
    )
    return np.nan_to_num(
        np.asarray(coco.iou(first, second, [int(within)] * len(b)), dtype=np.float64)
    )

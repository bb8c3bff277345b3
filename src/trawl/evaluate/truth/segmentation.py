"""Converts COCO's ways to write a mask to compressed RLE: polygons, numeric runs, coded runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from pycocotools import mask as coco

from trawl.errors import TruthError


def to_rle(segmentation: Any, height: int, width: int, where: str) -> str | None:
    """Return compressed RLE at height x width, or None if there is no mask.

    Args:
        segmentation: As in a file: None or an empty list, polygons, or a mapping of size and
            counts.
        where: Names it in an error.

    Raises:
        TruthError: It is of another size or of no known kind.
    """
    if not segmentation:
        return None
    try:
        if isinstance(segmentation, list):
            coded = coco.merge(coco.frPyObjects(segmentation, height, width))
        else:
            coded = _runs(segmentation, height, width, where)
        counts = coded["counts"]
        return counts.decode("ascii") if isinstance(counts, bytes) else str(counts)
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise TruthError(
            f"{where}: its segmentation is neither polygons nor RLE ({error})"
        ) from error


def check_all_masked(boxed: Sequence[Any], total: int, where: str) -> None:
    """Raise TruthError if some annotations of a file have masks and others only boxes.

    Args:
        boxed: Ids of the annotations with boxes only.
        total: Number of all annotations.
    """
    if boxed and len(boxed) < total:
        raise TruthError(
            f"{where} annotation {boxed[0]} has no mask, nor have {len(boxed) - 1} more of "
            f"{total}, while others have: complete "
            "them, or take all masks out to measure boxes"
        )


def _runs(
    segmentation: Mapping[str, Any], height: int, width: int, where: str
) -> Mapping[str, Any]:
    size = [int(side) for side in segmentation["size"]]
    if size != [height, width]:
        raise TruthError(
            f"{where}: its mask is {size[1]} x {size[0]} pixels and its picture {width} x {height}"
        )
    counts = segmentation["counts"]
    if not isinstance(counts, list):
        return segmentation
    if sum(counts) != height * width:
        raise TruthError(
            f"{where}: its runs cover {sum(counts)} pixels and its picture has {height * width}"
        )
    coded: Mapping[str, Any] = coco.frPyObjects(segmentation, height, width)
    return coded

"""Merges one frame's detections of all phrases into sightings, and matches those that are followed
already.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trawl import geometry, masks
from trawl.config.steps import TrackingConfig
from trawl.masks import Mask
from trawl.records.tracking import Detections, MaskRow
from trawl.track.assign import one_to_one


@dataclass(slots=True)
class Sighting:
    """One thing on one frame. box (4,) float32 xyxy pixels; mask (H, W) bool with its rle, or None
    from a grounder of boxes; named: the score by phrase, of every phrase that found it.
    """

    box: NDArray[np.float32]
    mask: Mask | None
    rle: str | None
    named: dict[int, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        return max(self.named.values())


def of_frame(found: Detections, height: int, width: int, config: TrackingConfig) -> list[Sighting]:
    """Detections of several phrases that overlap by `config.same_iou` are one thing with several
    names. Best first.
    """
    kept: list[Sighting] = []
    for n in np.argsort(-found.scores, kind="stable"):
        mask = None if found.masks is None else found.masks[n]
        if mask is not None and not mask.any():
            continue
        new = Sighting(found.boxes[n], mask, None if mask is None else masks.encode(mask))
        alike = _overlap([new], kept, height, width)[0]
        one = kept[int(alike.argmax())] if len(kept) and alike.max() >= config.same_iou else new
        one.named.setdefault(int(found.phrase[n]), float(found.scores[n]))
        if one is new:
            kept.append(new)
    return kept


def match(
    seen: Sequence[Sighting],
    rows: Sequence[MaskRow],
    height: int,
    width: int,
    config: TrackingConfig,
) -> dict[int, int]:
    """Match sightings to followed objects, one to one: {place in seen: place in rows}, at
    `config.match_iou` or better.
    """
    overlap = _overlap(seen, rows, height, width)
    return dict(one_to_one(np.where(overlap >= config.match_iou, 1 - overlap, np.inf)))


def is_part(
    one: Sighting, rows: Sequence[MaskRow], height: int, width: int, config: TrackingConfig
) -> bool:
    """Whether more than `config.new_inside` of it lies in a followed object: a part of that, since
    masks hold what is visible.

    Boxes of different things overlap freely, so a grounder of boxes never says so.
    """
    if one.rle is None or not rows:
        return False
    share = masks.inside([one.rle], [row.rle for row in rows if row.rle is not None], height, width)
    return bool(share.max(initial=0.0) > config.new_inside)


def _overlap(
    a: Sequence[Sighting], b: Sequence[Sighting] | Sequence[MaskRow], height: int, width: int
) -> NDArray[np.float64]:
    """(N, M) IoU: of masks where both have them, else of boxes."""
    first, second = [one.rle for one in a], [one.rle for one in b]
    if all(first) and all(second):
        return masks.iou(
            [rle for rle in first if rle], [rle for rle in second if rle], height, width
        )
    return geometry.iou([one.box for one in a], [one.box for one in b])

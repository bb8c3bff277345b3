"""Selects among a frame's scored masks: near-duplicates of one phrase go, and then low scores."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trawl.config.models import GrounderConfig
from trawl.masks import bounding_box
from trawl.models.protocols import Grounder, Session
from trawl.records.arrays import Frames
from trawl.records.tracking import Detections

_CONTAINED = 0.6  # share of a mask inside a better one from which on it is a part of that one


class Kept:
    """A `protocols.Grounder` with what another found, less all that scores too low."""

    def __init__(self, grounder: Grounder, config: GrounderConfig) -> None:
        self._grounder, self._config = grounder, config

    def detect(
        self, session: Session, frames: Frames, positions: Sequence[int], phrases: Sequence[str]
    ) -> list[Detections]:
        """As the other one, with at most `max_objects` of each phrase on a frame, of at least
        `min_score` each.
        """
        found = self._grounder.detect(session, frames, positions, phrases)
        return [kept(one, self._config.min_score, self._config.max_objects) for one in found]


def assemble(
    masks: NDArray[np.bool_], scores: NDArray[np.float32], phrase: NDArray[np.int64], overlap: float
) -> Detections:
    """One frame's detections, best first, without near-duplicates of one phrase.

    Args:
        masks: (N, H, W).
        scores: (N,) 0-1.
        phrase: (N,).
        overlap: IoU with a better mask of the same phrase above which a mask is dropped; one that
            lies within it, too.
    """
    order = np.argsort(-scores, kind="stable")
    taken: list[int] = []
    for i in order:
        rivals = [k for k in taken if phrase[k] == phrase[i]]
        if masks[i].any() and not any(_duplicate(masks[i], masks[k], overlap) for k in rivals):
            taken.append(int(i))
    boxes = np.array([bounding_box(masks[i]) for i in taken], np.float32).reshape(-1, 4)
    return Detections(boxes, scores[taken].astype(np.float32), phrase[taken], masks[taken])


def _duplicate(mask: NDArray[np.bool_], better: NDArray[np.bool_], overlap: float) -> bool:
    common, area, other = int((mask & better).sum()), int(mask.sum()), int(better.sum())
    return common > overlap * (area + other - common) or common > _CONTAINED * min(area, other)


def kept(found: Detections, min_score: float, max_objects: int) -> Detections:
    """The best `max_objects` of each phrase, of those that score at least `min_score`; in the same
    order.
    """
    seen: dict[int, int] = {}
    chosen: list[int] = []
    for i, (score, phrase) in enumerate(zip(found.scores, found.phrase)):
        if score >= min_score and seen.get(int(phrase), 0) < max_objects:
            seen[int(phrase)] = seen.get(int(phrase), 0) + 1
            chosen.append(i)
    masks = None if found.masks is None else found.masks[chosen]
    return Detections(found.boxes[chosen], found.scores[chosen], found.phrase[chosen], masks)

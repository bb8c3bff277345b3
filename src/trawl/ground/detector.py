"""Grounding with a model that finds boxes by itself: the tracker makes masks of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trawl.config.models import GrounderConfig
from trawl.ground.choice import assemble, kept
from trawl.ground.regions import FAINT
from trawl.models.protocols import Detector, Session
from trawl.records.arrays import Frames
from trawl.records.tracking import Detections, Prompt

Masks = NDArray[np.bool_]  # (N, H, W)


class DetectorGrounder:
    """A `protocols.Grounder` from a detector's boxes and the tracker's masks for them."""

    def __init__(self, detector: Detector, config: GrounderConfig) -> None:
        self._detector, self._config = detector, config

    def detect(
        self, session: Session, frames: Frames, positions: Sequence[int], phrases: Sequence[str]
    ) -> list[Detections]:
        """Detect what the phrases name on the given frames; one `Detections` per position, best
        first.
        """
        if not len(positions):
            return []
        looked_at = frames[np.asarray(positions)]
        out = []
        for position, found in zip(positions, self._detector.find(looked_at, phrases)):
            found = _likeliest(found, self._config.max_candidates)
            masks = (
                found.masks
                if found.masks is not None
                else _masks_of(session, found, position, frames.shape[1:3])
            )
            out.append(assemble(masks, found.scores, found.phrase, self._config.overlap))
        return out


def _likeliest(found: Detections, limit: int) -> Detections:
    """The best `limit` of each phrase, less the faint."""
    order = np.argsort(-found.scores, kind="stable")
    masks = None if found.masks is None else found.masks[order]
    best = float(found.scores.max(initial=0.0))
    return kept(
        Detections(found.boxes[order], found.scores[order], found.phrase[order], masks),
        FAINT * best,
        limit,
    )


def _masks_of(session: Session, found: Detections, position: int, shape: tuple[int, ...]) -> Masks:
    """(N, H, W) for boxes; a box is its own mask where the tracker sees nothing in it."""
    masks, _ = session.segment([Prompt(i, position, box=box) for i, box in enumerate(found.boxes)])
    for mask, (left, top, right, bottom) in zip(masks, found.boxes):
        if not mask.any():
            mask[max(round(top), 0) : round(bottom), max(round(left), 0) : round(right)] = True
    return masks.reshape(-1, *shape)

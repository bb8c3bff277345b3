"""A detector without a model: finds the connected regions of the colours that a phrase names, for
tests and dry runs.

Deterministic and exact enough to reason about: "a red star" finds every region of flat red,
whatever its shape, with its exact mask; a phrase that names no colour finds nothing. A region's
score falls with its distance from the named colour. Needs numpy and scipy alone.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from trawl.masks import bounding_box
from trawl.models.fakes import embedder as fakes
from trawl.models.grounders.blueprint import GrounderBlueprint
from trawl.records.arrays import Frames
from trawl.records.tracking import Detections

_NEAR = 60.0  # levels, all channels together: what compression and light do to a flat colour
_SMALL = 9  # pixels: noise


def blueprint() -> GrounderBlueprint:
    """Describe the fake in the words of any other grounder."""
    return GrounderBlueprint("fake", "flat-colors", "none", fakes.blueprint().sha256, None, "fp32")


class FakeDetector:
    """A `protocols.Detector` that knows twelve colours, and gives masks itself.

    >>> frame = np.zeros((8, 16, 3), np.uint8)
    >>> frame[2:6, 3:9] = frame[2:6, 11:15] = fakes.COLORS["red"]
    >>> found = FakeDetector().find(frame[None], ["a blue star", "a red star"])[0]
    >>> found.boxes.tolist(), found.phrase.tolist()
    ([[3.0, 2.0, 9.0, 6.0], [11.0, 2.0, 15.0, 6.0]], [1, 1])
    """

    def find(self, frames: Frames, phrases: Sequence[str]) -> list[Detections]:
        """Every region, with its mask, of each of (N, H, W, 3) uint8 RGB pictures."""
        return [_found(frame, phrases) for frame in frames]


def _found(frame: NDArray[np.uint8], phrases: Sequence[str]) -> Detections:
    pieces = [(q, *piece) for q, phrase in enumerate(phrases) for piece in _pieces(frame, phrase)]
    masks = (
        np.stack([mask for _, mask, _ in pieces])
        if pieces
        else np.empty((0, *frame.shape[:2]), bool)
    )
    return Detections(
        boxes=np.array([bounding_box(mask) for mask in masks], np.float32).reshape(-1, 4),
        scores=np.array([score for _, _, score in pieces], np.float32),
        phrase=np.array([q for q, _, _ in pieces], np.int64),
        masks=masks,
    )


def _pieces(frame: NDArray[np.uint8], phrase: str) -> Iterator[tuple[NDArray[np.bool_], float]]:
    """Regions of the colours that the phrase names, and how near each is to its colour: 1 where
    they are equal.
    """
    for word in re.findall(r"\w+", phrase.lower()):
        if word not in fakes.COLORS:
            continue
        distance = np.linalg.norm(
            frame.astype(np.float32) - np.array(fakes.COLORS[word], np.float32), axis=2
        )
        labels, count = ndimage.label(distance <= _NEAR)
        for k in range(1, count + 1):
            mask = labels == k
            if mask.sum() >= _SMALL:
                yield mask, float(1 - 0.5 * distance[mask].mean() / _NEAR)

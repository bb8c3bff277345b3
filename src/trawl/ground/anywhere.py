"""Scores whether a picture shows what a phrase names, anywhere on it.

A picture's one embedding forgets small things, and which of two things had which colour; its
patches know. Finer than the embedding, coarser than grounding: no regions, no masks, no tracker.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trawl.ground.clip import squashed
from trawl.ground.views import Floats, View
from trawl.models.protocols import DenseEmbedder


def best_shares(
    model: DenseEmbedder, views: Sequence[View], pictures: Sequence[NDArray[np.uint8]]
) -> Floats:
    """The share of each phrase at the patch that is likest to it.

    Args:
        views: of Q phrases, from vectors of the same model.
        pictures: N of (H, W, 3) uint8 RGB, of any sizes; both sides are scaled to the model's.

    Returns:
        (N, Q) float32, 0-1.
    """
    size = model.image_spec.size
    squares = (
        np.stack([squashed(one, size) for one in pictures])
        if pictures
        else np.empty((0, size, size, 3), np.uint8)
    )
    patches = model.embed_patches(squares)
    best = [view.share(patches).max(axis=(1, 2), initial=0.0) for view in views]
    return (
        np.stack(best, axis=1).astype(np.float32)
        if best
        else np.empty((len(pictures), 0), np.float32)
    )

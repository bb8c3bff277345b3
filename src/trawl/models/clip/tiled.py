"""Embeds parts of a picture by any embedder: nine overlapping windows, each embedded as a picture
of its own.

Coarser than a ViT's own patches and nine times the work, but it asks nothing of a model, and each
window is seen at twice the resolution. Sliding windows are how SAHI finds small objects with any
detector (Akyon et al. 2022, arXiv 2202.06934).
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from trawl.models.clip.dense import BACKGROUND
from trawl.models.protocols import Embedder
from trawl.records.arrays import Embeddings, Frames
from trawl.records.video import ImageSpec

_GRID = 3  # windows in a row and in a column; each is half as wide and high as the picture
_BATCH = 8  # pictures, so that their windows are few


class TiledEmbedder:
    """An embedder as a `protocols.DenseEmbedder` of pictures twice as wide and high."""

    def __init__(self, embedder: Embedder) -> None:
        """embedder: shared, not copied."""
        self._embedder = embedder

    @property
    def dim(self) -> int:
        """D, the size of an embedding."""
        return self._embedder.dim

    @property
    def image_spec(self) -> ImageSpec:
        """The picture that `embed_images` and `embed_patches` expect; its sides are scaled each on
        its own.
        """
        return replace(self._embedder.image_spec, size=2 * self._embedder.image_spec.size)

    @property
    def logit_scale(self) -> float:
        """Scale of cosines between pictures and texts before a softmax."""
        return self._embedder.logit_scale

    @property
    def contrast(self) -> Sequence[str]:
        """Phrases for what else may be on a picture."""
        return BACKGROUND

    def embed_images(self, frames: Frames) -> Embeddings:
        """(N, S, S, 3) uint8 RGB -> (N, D) float32, unit length. N may be 0."""
        size = self._embedder.image_spec.size
        small = [cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA) for frame in frames]
        return self._embedder.embed_images(np.asarray(small, np.uint8).reshape(-1, size, size, 3))

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """Q texts -> (Q, D) float32, unit length. Q may be 0."""
        return self._embedder.embed_texts(texts)

    def embed_patches(self, frames: Frames) -> NDArray[np.float32]:
        """(N, S, S, 3) uint8 RGB -> (N, 3, 3, D) float32, whose dot product with a text's embedding
        is a logit.
        """
        side = self.image_spec.size
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1:] != (side, side, 3):
            raise ValueError(
                f"expected uint8 pictures (N, {side}, {side}, 3), got {frames.dtype} {frames.shape}"
            )
        out = np.empty((len(frames), _GRID, _GRID, self.dim), np.float32)
        for start in range(0, len(frames), _BATCH):
            parts = windows(frames[start : start + _BATCH], side // 2)
            embedded = self._embedder.embed_images(parts.reshape(-1, *parts.shape[3:]))
            out[start : start + _BATCH] = embedded.reshape(-1, _GRID, _GRID, self.dim)
        return self.logit_scale * out


def windows(frames: Frames, size: int) -> NDArray[np.uint8]:
    """(N, 2 size, 2 size, 3) -> (N, 3, 3, size, size, 3), half a window apart."""
    at = [k * size // (_GRID - 1) for k in range(_GRID)]
    rows = [np.stack([frames[:, y : y + size, x : x + size] for x in at], axis=1) for y in at]
    return np.stack(rows, axis=1)

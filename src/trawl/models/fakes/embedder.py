"""An embedder without a model: colours in pictures, colour words in texts, for tests and dry runs.

Deterministic and exact enough to reason about: a picture's embedding holds how much of it has each
named colour, a text's holds the colours it names, so "red" finds red pictures. Other words land in
dimensions that pictures barely use. Needs numpy alone; embeds thousands of pictures a second.
"""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trawl.models.clip.weights import Blueprint
from trawl.records.arrays import Embeddings, Frames
from trawl.records.video import ImageSpec

COLORS = {
    "red": (230, 30, 30),
    "orange": (240, 140, 20),
    "yellow": (240, 230, 30),
    "green": (30, 170, 50),
    "cyan": (30, 220, 220),
    "blue": (30, 60, 220),
    "purple": (130, 40, 170),
    "pink": (240, 130, 190),
    "white": (245, 245, 245),
    "gray": (128, 128, 128),
    "black": (10, 10, 10),
    "brown": (120, 70, 30),
}
_WORDS = 52
DIM = len(COLORS) + _WORDS
SIZE = 32


def blueprint(aspect: str = "squash") -> Blueprint:
    """Describe the fake in the words of any other embedder."""
    return Blueprint(
        kind="fake",
        model="colors",
        weights="none",
        sha256=hashlib.sha256(repr(COLORS).encode()).hexdigest(),
        path=None,
        dim=DIM,
        image=ImageSpec(size=SIZE, aspect=aspect, interpolation="bilinear"),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        precision="fp32",
    )


class FakeEmbedder:
    """A `protocols.Embedder` that knows twelve colours.

    >>> fake = FakeEmbedder()
    >>> red = fake.embed_images(np.full((1, SIZE, SIZE, 3), (230, 30, 30), np.uint8))
    >>> scores = red @ fake.embed_texts(["a red thing", "a blue thing"]).T
    >>> bool(scores[0, 0] > 0.6 > 0.4 > scores[0, 1])
    True
    """

    logit_scale = 10.0

    def __init__(self, aspect: str = "squash") -> None:
        self._spec = blueprint(aspect).image
        self._palette = np.array(list(COLORS.values()), np.float32)

    @property
    def dim(self) -> int:
        """D, the size of an embedding."""
        return DIM

    @property
    def image_spec(self) -> ImageSpec:
        """The picture that `embed_images` expects."""
        return self._spec

    def embed_images(self, frames: Frames) -> Embeddings:
        """(N, 32, 32, 3) uint8 RGB -> (N, 64) float32, unit length. N may be 0."""
        if frames.dtype != np.uint8 or frames.shape[1:] != (SIZE, SIZE, 3):
            raise ValueError(
                f"expected uint8 pictures (N, {SIZE}, {SIZE}, 3), got {frames.dtype} {frames.shape}"
            )
        vectors = np.zeros((len(frames), DIM), np.float32)
        for row, frame in zip(vectors, frames, strict=True):
            nearest = _nearest(frame.reshape(-1, 3).astype(np.float32), self._palette)
            row[: len(COLORS)] = np.sqrt(np.bincount(nearest, minlength=len(COLORS)) / nearest.size)
            # tells apart pictures of equal colours
            row[len(COLORS)] = 1e-3 * float(frame.mean()) / 255
        return _unit(vectors)

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """Q texts -> (Q, 64) float32, unit length. Q may be 0."""
        vectors = np.zeros((len(texts), DIM), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()) or [text]:
                row[_word_dim(word)] += 1.0 if word in COLORS else 0.25
        return _unit(vectors)


def _nearest(pixels: NDArray[np.float32], palette: NDArray[np.float32]) -> NDArray[np.int64]:
    """(P, 3) and (C, 3) -> (P,): the palette's colour nearest to each pixel."""
    distances = (palette**2).sum(1) - 2 * pixels @ palette.T
    nearest: NDArray[np.int64] = np.argmin(distances, axis=1)
    return nearest


def _word_dim(word: str) -> int:
    if word in COLORS:
        return list(COLORS).index(word)
    return len(COLORS) + int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % _WORDS


def _unit(vectors: NDArray[np.float32]) -> Embeddings:
    unit: Embeddings = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit

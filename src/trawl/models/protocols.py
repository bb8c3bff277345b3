"""The seams where a model drops in: numpy in, numpy out, so that no torch type leaks into a step."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from trawl.records import Embeddings, Frames, ImageSpec


@runtime_checkable
class Embedder(Protocol):
    """Images and texts to one space, in which cosine similarity means relevance."""

    @property
    def dim(self) -> int:
        """D, the size of an embedding."""

    @property
    def image_spec(self) -> ImageSpec:
        """The picture that `embed_images` expects."""

    def embed_images(self, frames: Frames) -> Embeddings:
        """(N, S, S, 3) uint8 RGB, S as in `image_spec` -> (N, D) float32, unit length. N may be 0."""

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """Q texts -> (Q, D) float32, unit length. Q may be 0."""

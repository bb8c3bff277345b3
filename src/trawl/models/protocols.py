"""The seams where a model drops in: numpy in, numpy out, so that no torch type leaks into a step."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from trawl.records.arrays import Embeddings, Frames
from trawl.records.tracking import Detections, Prompt, TrackedFrame
from trawl.records.video import ImageSpec


@runtime_checkable
class Embedder(Protocol):
    """Images and texts to one space, in which cosine similarity means relevance."""

    @property
    def dim(self) -> int:
        """D, the size of an embedding."""

    @property
    def image_spec(self) -> ImageSpec:
        """The picture that `embed_images` expects."""

    @property
    def logit_scale(self) -> float:
        """Scale of cosines between pictures and texts before a softmax."""

    def embed_images(self, frames: Frames) -> Embeddings:
        """(N, S, S, 3) uint8 RGB, S as in `image_spec` -> (N, D) float32, unit length.

        N may be 0.
        """

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """Q texts -> (Q, D) float32, unit length. Q may be 0."""


@runtime_checkable
class DenseEmbedder(Embedder, Protocol):
    """An embedder that also says what is where on a picture.

    Sees the whole picture, whatever its sides: both are scaled.
    """

    @property
    def contrast(self) -> Sequence[str]:
        """Phrases for what else may be on a picture: a patch shows a phrase's thing if it does so
        more than these.
        """

    def embed_patches(self, frames: Frames) -> NDArray[np.float32]:
        """(N, S, S, 3) uint8 RGB -> (N, h, w, D) float32: a grid over the picture, whose dot
        product with a text's embedding is that patch's logit, ready for a softmax. N may be 0.
        """


@runtime_checkable
class Detector(Protocol):
    """A model that finds named things by itself."""

    def find(self, frames: Frames, phrases: Sequence[str]) -> list[Detections]:
        """What each of (N, H, W, 3) uint8 RGB pictures shows of at least one phrase; all that it
        has a score for, in any order.
        """


@runtime_checkable
class Session(Protocol):
    """One run of frames that a tracker looks at.

    A frame's image features are computed once, whoever asks first.

    Objects do not see each other: what one is given or how it moves changes nothing for the rest.
    """

    def segment(self, prompts: Sequence[Prompt]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Each prompt's object on the prompt's own frame: masks (K, H, W) bool and scores (K,)
        float32, 0-1. K may be 0.
        """

    def propagate(self, prompts: Sequence[Prompt], reverse: bool = False) -> Iterator[TrackedFrame]:
        """Follow the prompted objects to the end of the session, or with `reverse` to its
        beginning.

        Every object has at least one prompt and is followed from its own first (in reverse: last)
        one, which is yielded too; frames come in order, each once, with the objects that have begun
        by then. Nothing is kept between calls but image features.
        """


@runtime_checkable
class Tracker(Protocol):
    """A model that turns prompts into masks and follows them."""

    def open(self, frames: Frames, size: tuple[int, int] | None = None) -> Session:
        """A session over (T, H, W, 3) uint8 RGB, T at least 1; masks are of `size` (height, width),
        by default the frames'.
        """


@runtime_checkable
class Grounder(Protocol):
    """A model that says where on a picture a phrase's things are."""

    def detect(
        self, session: Session, frames: Frames, positions: Sequence[int], phrases: Sequence[str]
    ) -> list[Detections]:
        """Detect what the phrases name on the given frames; one `Detections` per position, best
        first.

        Args:
            session: over these frames, for a grounder that asks the tracker for masks.
            frames: (T, H, W, 3) uint8 RGB.
            positions: which of the frames to look at.
            phrases: what to look for, at least one.
        """

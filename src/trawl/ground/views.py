"""A phrase among what else may be there: how much more something looks like it than like anything
else.

A cosine alone says little: its scale differs from phrase to phrase. Its share in a softmax over the
phrase and what else may be on a picture does not. Knows nothing of models or torch: vectors are
handed in.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trawl.models.protocols import DenseEmbedder
from trawl.records.arrays import Embeddings

Floats = NDArray[np.float32]
# a phrase in the sentences whose embeddings are averaged
Sentences = Callable[[str], Sequence[str]]
Vectors = Callable[[str], Floats]  # (D,) unit length, of a phrase

# cosine above which two phrases are one; in the demo's world, "a violet star" and "a purple star"
_SAME_TEXT = 0.85
_EMPTY_WORDS = frozenset(
    ("a", "an", "the", "one", "thing", "things", "object", "objects", "something", "of", "in", "on")
)


@dataclass(frozen=True, slots=True)
class View:
    """A phrase among others. texts (1 + C, D) unit length, the phrase first."""

    texts: Embeddings
    logit_scale: float

    def share(self, patches: Floats) -> Floats:
        """(..., D) patches, as `embed_patches` gives them -> (...), 0-1: how much more each is the
        phrase's than another's.
        """
        return _softmax_first(patches @ self.texts.T)

    def share_of_picture(self, vector: Floats) -> float:
        """(D,) unit length -> 0-1: the same of a picture's embedding."""
        return float(_softmax_first(self.logit_scale * (self.texts @ vector)))


def view_of(phrase: str, contrast: Sequence[str], vectors: Vectors, logit_scale: float) -> View:
    """The view of a phrase, less those of the others that mean the same.

    Args:
        contrast: phrases for what else may be on a picture.
        vectors: of any phrase.
        logit_scale: what cosines of pictures and texts are multiplied by.
    """
    own = vectors(phrase)
    others = [vectors(text) for text in contrast if not same_thing(phrase, text)]
    return View(
        np.stack([own, *(vector for vector in others if float(vector @ own) < _SAME_TEXT)]),
        logit_scale,
    )


class AveragedTexts:
    """The vector of a phrase: the mean of its sentences' embeddings. Each is computed once."""

    def __init__(self, model: DenseEmbedder, sentences: Sentences) -> None:
        self._model, self._sentences = model, sentences
        self._known: dict[str, Floats] = {}

    def __call__(self, phrase: str) -> Floats:
        """(D,) unit length."""
        if phrase not in self._known:
            mean = self._model.embed_texts(list(self._sentences(phrase))).mean(axis=0)
            self._known[phrase] = mean / max(float(np.linalg.norm(mean)), 1e-12)
        return self._known[phrase]


def same_thing(phrase: str, other: str) -> bool:
    """Whether one text says all that the other does, so that they cannot be told apart by what they
    mean.

    >>> same_thing("a star", "a red star"), same_thing("a red thing", "a red star"), same_thing("a red star", "a red heart")
    (True, True, False)
    """
    a, b = _content(phrase), _content(other)
    return a <= b or b <= a


def _content(text: str) -> frozenset[str]:
    words = frozenset(re.findall(r"\w+", text.lower()))
    return words - _EMPTY_WORDS or words


def _softmax_first(logits: Floats) -> Floats:
    """The first of each last axis' shares."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    share: Floats = powers[..., 0] / powers.sum(axis=-1)
    return share

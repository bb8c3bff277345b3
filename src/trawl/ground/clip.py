"""Grounding with CLIP and the tracker alone.

Four steps, for each phrase on each frame:

    map       every patch of the frame: the share of the phrase among phrases for what else may be there (softmax)
    regions   where the map is high, and its highest point: a box and a point
    masks     the tracker's, for that box and that point, so that a region becomes an object
    score     geometric mean, weighted, of the phrase's shares: the map's highest and its mean inside the mask, and that
              of a crop around the mask

At least one candidate for each phrase on each frame has a score, however low, so that a run can say how near it came.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trawl.config import GrounderConfig
from trawl.ground.choice import assemble
from trawl.ground.regions import Region, fine, regions
from trawl.masks import bounding_box
from trawl.models.protocols import DenseEmbedder, Session
from trawl.records import Detections, Embeddings, Frames

Floats = NDArray[np.float32]
Masks = NDArray[np.bool_]  # (N, H, W)
Sentences = Callable[[str], Sequence[str]]  # a phrase in the sentences whose embeddings are averaged

_CROP = 1.5  # a candidate's crop is a square of its longer side times this: some surroundings, as CLIP is used to
_SAME_TEXT = 0.85  # cosine above which two phrases are one; in the demo's world, "a violet star" and "a purple star"
_EMPTY_WORDS = frozenset(
    ("a", "an", "the", "one", "thing", "things", "object", "objects", "something", "of", "in", "on")
)


class ClipGrounder:
    """A `protocols.Grounder` from dense embeddings and the tracker's masks."""

    def __init__(self, dense: DenseEmbedder, config: GrounderConfig, sentences: Sentences) -> None:
        self._dense, self._config, self._sentences = dense, config, sentences
        self._contrast = tuple(dense.contrast if config.contrast is None else config.contrast)
        self._vectors: dict[str, Floats] = {}

    def detect(
        self, session: Session, frames: Frames, positions: Sequence[int], phrases: Sequence[str]
    ) -> list[Detections]:
        """What each of some frames shows of what the phrases name; one `Detections` per position, best first.

        At least one candidate for each phrase on each frame has a score, unless the tracker finds no object there.
        """
        if not len(positions):
            return []
        looked_at = frames[np.asarray(positions)]
        size = self._dense.image_spec.size
        patches = self._dense.embed_patches(np.stack([squashed(frame, size) for frame in looked_at]))
        views = [self._view(phrase) for phrase in phrases]
        candidates = [
            _Candidate(n, q, region, heat)
            for n in range(len(positions))
            for q, view in enumerate(views)
            for heat in [fine(view.share(patches[n]))]
            for region in regions(heat, self._config.level, self._config.max_candidates)
        ]
        masks = self._segment(session, candidates, positions, looked_at.shape[1:3])
        found = [(c, mask) for c, mask in zip(candidates, masks) if mask.any()]
        return self._assemble(looked_at, found, views)

    def _view(self, phrase: str) -> "View":
        vectors = {text: self._vector(text) for text in (phrase, *self._contrast)}
        others = [text for text in self._contrast if not same_thing(phrase, text)]
        others = [text for text in others if float(vectors[text] @ vectors[phrase]) < _SAME_TEXT]
        stacked = np.stack([vectors[phrase], *(vectors[text] for text in others)])
        return View(stacked, self._dense.logit_scale)

    def _vector(self, text: str) -> Floats:
        if text not in self._vectors:
            mean = self._dense.embed_texts(list(self._sentences(text))).mean(axis=0)
            self._vectors[text] = mean / max(float(np.linalg.norm(mean)), 1e-12)
        return self._vectors[text]

    def _segment(
        self, session: Session, candidates: "Sequence[_Candidate]", positions: Sequence[int], shape: tuple[int, int]
    ) -> Masks:
        prompts = [
            candidate.region.prompt(i, positions[candidate.frame], candidate.heat.shape, shape)
            for i, candidate in enumerate(candidates)
        ]
        return session.segment(prompts)[0]

    def _assemble(
        self, frames: Frames, found: "Sequence[tuple[_Candidate, NDArray[np.bool_]]]", views: "Sequence[View]"
    ) -> list[Detections]:
        size = self._dense.image_spec.size
        crops = [squashed(crop(frames[c.frame], mask, _CROP), size) for c, mask in found]
        embedded = self._dense.embed_images(np.stack(crops) if crops else np.empty((0, size, size, 3), np.uint8))
        weight = self._config.crop_weight
        scores = np.array(
            [
                # The mean alone would prefer a fragment around the peak to the whole thing.
                np.sqrt(c.region.value * inside(c.heat, mask)) ** (1 - weight)
                * views[c.phrase].share_of_picture(vector) ** weight
                for (c, mask), vector in zip(found, embedded)
            ],
            np.float32,
        )
        out = []
        for n, frame in enumerate(frames):
            mine = [i for i, (c, _) in enumerate(found) if c.frame == n]
            masks = np.stack([found[i][1] for i in mine]) if mine else np.empty((0, *frame.shape[:2]), bool)
            phrase = np.array([found[i][0].phrase for i in mine], np.int64)
            out.append(assemble(masks, scores[mine], phrase, self._config.overlap))
        return out


@dataclass(frozen=True, slots=True)
class View:
    """A phrase among what else may be there. texts (1 + C, D) unit length, the phrase first."""

    texts: Embeddings
    logit_scale: float

    def share(self, patches: Floats) -> Floats:
        """(h, w, D) -> (h, w), 0-1: how much more each patch is the phrase's than anything else's."""
        return _softmax_first(patches @ self.texts.T)

    def share_of_picture(self, vector: Floats) -> float:
        """(D,) unit length -> 0-1: the same of a picture's embedding."""
        return float(_softmax_first(self.logit_scale * (self.texts @ vector)))


@dataclass(frozen=True, slots=True)
class _Candidate:
    """frame, phrase: which of those looked at and looked for. heat (h, w): the phrase's map of that frame."""

    frame: int
    phrase: int
    region: Region
    heat: Floats


def same_thing(phrase: str, other: str) -> bool:
    """Whether one text says all that the other does, so that they cannot be told apart by what they mean.

    >>> same_thing("a star", "a red star"), same_thing("a red thing", "a red star"), same_thing("a red star", "a red heart")
    (True, True, False)
    """
    a, b = _content(phrase), _content(other)
    return a <= b or b <= a


def _content(text: str) -> frozenset[str]:
    words = frozenset(re.findall(r"\w+", text.lower()))
    return words - _EMPTY_WORDS or words


def inside(heat: Floats, mask: NDArray[np.bool_]) -> float:
    """The mean of a map (h, w) inside a mask (H, W) of the same picture."""
    weights = cv2.resize(mask.astype(np.float32), heat.shape[::-1], interpolation=cv2.INTER_AREA)
    total = float(weights.sum())
    return float((weights * heat).sum()) / total if total > 0 else 0.0


def squashed(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """(H, W, 3) -> (size, size, 3), both sides scaled on their own."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))


def crop(picture: NDArray[np.uint8], mask: NDArray[np.bool_], scale: float) -> NDArray[np.uint8]:
    """The square around a mask with sides `scale` times its longer one, less what lies outside of the picture."""
    left, top, right, bottom = bounding_box(mask)
    half = max(right - left, bottom - top, 8) * scale / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return picture[max(round(y - half), 0) : round(y + half), max(round(x - half), 0) : round(x + half)]


def _softmax_first(logits: Floats) -> Floats:
    """The first of each last axis' shares."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    share: Floats = powers[..., 0] / powers.sum(axis=-1)
    return share

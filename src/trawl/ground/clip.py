"""Grounding with CLIP and the tracker alone.

Four steps, for each phrase on each frame:

    map       every patch of the frame: the share of the phrase among phrases for what else may be
              there (softmax)
    regions   where the map is high, and its highest point: a box and a point
    masks     the tracker's, for that box and that point, so that a region becomes an object
    score     geometric mean, weighted, of the phrase's shares: the map's highest and its mean
              inside the mask, and that
              of a crop around the mask

At least one candidate for each phrase on each frame has a score, however low, so that a run can say
how near it came.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trawl.config.models import GrounderConfig
from trawl.ground.choice import assemble
from trawl.ground.regions import Region, fine, regions
from trawl.ground.views import AveragedTexts, Floats, Sentences, View, view_of
from trawl.masks import bounding_box
from trawl.models.protocols import DenseEmbedder, Session
from trawl.records.arrays import Frames
from trawl.records.tracking import Detections

Masks = NDArray[np.bool_]  # (N, H, W)

# a candidate's crop is a square of its longer side times this: some surroundings, as CLIP is used
# to
_CROP = 1.5


class ClipGrounder:
    """A `protocols.Grounder` from dense embeddings and the tracker's masks."""

    def __init__(self, dense: DenseEmbedder, config: GrounderConfig, sentences: Sentences) -> None:
        self._dense, self._config, self._vectors = dense, config, AveragedTexts(dense, sentences)
        self._contrast = tuple(dense.contrast if config.contrast is None else config.contrast)

    def detect(
        self, session: Session, frames: Frames, positions: Sequence[int], phrases: Sequence[str]
    ) -> list[Detections]:
        """Detect what the phrases name on the given frames; one `Detections` per position, best
        first.

        At least one candidate for each phrase on each frame has a score, unless the tracker finds
        no object there.
        """
        if not len(positions):
            return []
        looked_at = frames[np.asarray(positions)]
        size = self._dense.image_spec.size
        patches = self._dense.embed_patches(
            np.stack([squashed(frame, size) for frame in looked_at])
        )
        views = [
            view_of(phrase, self._contrast, self._vectors, self._dense.logit_scale)
            for phrase in phrases
        ]
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

    def _segment(
        self,
        session: Session,
        candidates: "Sequence[_Candidate]",
        positions: Sequence[int],
        shape: tuple[int, int],
    ) -> Masks:
        prompts = [
            candidate.region.prompt(i, positions[candidate.frame], candidate.heat.shape, shape)
            for i, candidate in enumerate(candidates)
        ]
        return session.segment(prompts)[0]

    def _assemble(
        self,
        frames: Frames,
        found: "Sequence[tuple[_Candidate, NDArray[np.bool_]]]",
        views: Sequence[View],
    ) -> list[Detections]:
        size = self._dense.image_spec.size
        crops = [squashed(crop(frames[c.frame], mask, _CROP), size) for c, mask in found]
        embedded = self._dense.embed_images(
            np.stack(crops) if crops else np.empty((0, size, size, 3), np.uint8)
        )
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
            masks = (
                np.stack([found[i][1] for i in mine])
                if mine
                else np.empty((0, *frame.shape[:2]), bool)
            )
            phrase = np.array([found[i][0].phrase for i in mine], np.int64)
            out.append(assemble(masks, scores[mine], phrase, self._config.overlap))
        return out


@dataclass(frozen=True, slots=True)
class _Candidate:
    """frame, phrase: which of those looked at and looked for. heat (h, w): the phrase's map of that
    frame.
    """

    frame: int
    phrase: int
    region: Region
    heat: Floats


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
    """The square around a mask with sides `scale` times its longer one, less what lies outside of
    the picture.
    """
    left, top, right, bottom = bounding_box(mask)
    half = max(right - left, bottom - top, 8) * scale / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return picture[
        max(round(y - half), 0) : round(y + half), max(round(x - half), 0) : round(x + half)
    ]

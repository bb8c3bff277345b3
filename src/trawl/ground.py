"""What named things a frame shows, and where: from a model's view of it to scored masks.

With CLIP and SAM 2 only, in four steps, for each phrase on each frame:

    map       every patch of the frame: the share of the phrase among phrases for what else may be there (softmax)
    regions   where the map is high, and its highest point: a box and a point
    masks     the tracker's, for that box and that point, so that a region becomes an object
    score     geometric mean, weighted, of the phrase's shares: the map's highest and its mean inside the mask, and that
              of a crop around the mask

of which near-duplicates are suppressed. A detector replaces the first two steps and the score. Nothing here drops a
detection for its score, so that a run can say how near it came; `Kept` does that. Knows nothing of videos or torch.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from trawl.config import GrounderConfig
from trawl.masks import bounding_box
from trawl.models.protocols import DenseEmbedder, Detector, Grounder, Session
from trawl.records import Detections, Embeddings, Frames, Prompt

Floats = NDArray[np.float32]
Masks = NDArray[np.bool_]  # (N, H, W)
Sentences = Callable[[str], Sequence[str]]  # a phrase in the sentences whose embeddings are averaged

_FINE = 8  # map pixels a patch side, for regions with edges between patches
_CROP = 1.5  # a candidate's crop is a square of its longer side times this: some surroundings, as CLIP is used to
_SAME_TEXT = 0.85  # cosine above which two phrases are one; in the demo's world, "a violet star" and "a purple star"
_SPLIT = 0.6  # share of a region's peak at which its parts are taken for objects of their own
_FAINT = 0.05  # share of the best candidate's height or score below which others are not worth a mask
_CONTAINED = 0.6  # share of a mask inside a better one from which on it is a part of that one
_EMPTY_WORDS = frozenset(
    ("a", "an", "the", "one", "thing", "things", "object", "objects", "something", "of", "in", "on")
)


def grounder(model: DenseEmbedder | Detector, config: GrounderConfig, sentences: Sentences) -> Grounder:
    """The grounder around a model.

    Args:
        model: from `models.grounders.build`.
        config: thresholds of candidates; `min_score` and `max_objects` are for `Kept`.
        sentences: for a model that embeds texts, such as `templates.fill` with the search's templates.
    """
    if isinstance(model, DenseEmbedder):
        return ClipGrounder(model, config, sentences)
    return DetectorGrounder(model, config)


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


class DetectorGrounder:
    """A `protocols.Grounder` from a detector's boxes and the tracker's masks for them."""

    def __init__(self, detector: Detector, config: GrounderConfig) -> None:
        self._detector, self._config = detector, config

    def detect(
        self, session: Session, frames: Frames, positions: Sequence[int], phrases: Sequence[str]
    ) -> list[Detections]:
        """What each of some frames shows of what the phrases name; one `Detections` per position, best first."""
        if not len(positions):
            return []
        looked_at = frames[np.asarray(positions)]
        out = []
        for position, found in zip(positions, self._detector.find(looked_at, phrases)):
            found = _likeliest(found, self._config.max_candidates)
            masks = found.masks if found.masks is not None else _masks_of(session, found, position, frames.shape[1:3])
            out.append(assemble(masks, found.scores, found.phrase, self._config.overlap))
        return out


class Kept:
    """A `protocols.Grounder` with what another found, less all that scores too low."""

    def __init__(self, grounder: Grounder, config: GrounderConfig) -> None:
        self._grounder, self._config = grounder, config

    def detect(
        self, session: Session, frames: Frames, positions: Sequence[int], phrases: Sequence[str]
    ) -> list[Detections]:
        """As the other one, with at most `max_objects` of each phrase on a frame, of at least `min_score` each."""
        found = self._grounder.detect(session, frames, positions, phrases)
        return [kept(one, self._config.min_score, self._config.max_objects) for one in found]


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a map: box (4,) xyxy in map pixels, right and bottom exclusive; peak (x, y), the centre of its highest
    pixel; value of that pixel."""

    box: Floats
    peak: tuple[float, float]
    value: float

    def prompt(self, object_id: int, position: int, grid: tuple[int, ...], shape: tuple[int, ...]) -> Prompt:
        """This, as a tracker is told it. grid, shape: (height, width) of the map and of the frame."""
        scale = np.array([shape[1] / grid[1], shape[0] / grid[0]], np.float32)
        return Prompt(
            object_id=object_id,
            position=position,
            box=self.box * np.tile(scale, 2),
            points=np.array([self.peak], np.float32) * scale,
            labels=np.array([1], np.int64),
        )


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


def fine(grid: Floats) -> Floats:
    """(h, w) -> (8 h, 8 w), linear between the patches' centres."""
    smooth: Floats = np.asarray(
        cv2.resize(grid, None, fx=_FINE, fy=_FINE, interpolation=cv2.INTER_LINEAR), dtype=np.float32
    )
    return smooth


def regions(heat: Floats, level: float, limit: int) -> list[Region]:
    """Where a map is high, the highest first: each a connected part of at least `level` times its own peak.

    A region that falls apart at a higher level, as two things side by side do, is given in its parts too.

    Args:
        heat: (h, w), none negative.
        level: 0-1.
        limit: regions at most; those with a peak below a twentieth of the highest are left out.
    """
    left = heat.copy()
    found: list[Region] = []
    summits = _summits(heat)
    for summit in summits:
        value = float(heat[summit])
        if len(found) >= limit or (found and value < _FAINT * found[0].value):
            break
        if left[summit] > 0:  # not in a higher one's part
            part = _around(left, summit, level * value)
            found.append(_region(part, summit, value))
            found += _parts(left, part, [one for one in summits if part[one]])
            left[part] = 0
    return sorted(found, key=lambda region: -region.value)[:limit]


def _summits(heat: Floats) -> list[tuple[int, int]]:
    """(y, x) of the points that nothing within a patch is higher than, the highest first; one of each plateau."""
    labels, count = ndimage.label((heat == ndimage.maximum_filter(heat, size=2 * _FINE + 1)) & (heat > 0))
    points = ndimage.maximum_position(heat, labels, range(1, count + 1))
    return sorted(((int(y), int(x)) for y, x in points), key=lambda point: -float(heat[point]))


def _parts(heat: Floats, part: NDArray[np.bool_], summits: Sequence[tuple[int, int]]) -> list[Region]:
    """The surroundings of each summit, highest first, that a valley parts from all higher ones; none if there is but one."""
    apart: list[Region] = []
    for k, summit in enumerate(summits):
        value = float(heat[summit])
        mine = _around(np.where(part, heat, 0), summit, _SPLIT * value)
        if mine.sum() >= _FINE * _FINE / 2 and not any(mine[higher] for higher in summits[:k]):
            apart.append(_region(mine, summit, value))
    return apart if len(apart) > 1 else []


def _around(heat: Floats, summit: tuple[int, int], threshold: float) -> NDArray[np.bool_]:
    """The connected part at or above a threshold that holds a point."""
    labels, _ = ndimage.label(heat >= threshold)
    part: NDArray[np.bool_] = labels == labels[summit]
    return part


def _region(part: NDArray[np.bool_], summit: tuple[int, int], value: float) -> Region:
    y, x = summit
    return Region(np.array(bounding_box(part), np.float32), (x + 0.5, y + 0.5), value)


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


def assemble(masks: Masks, scores: Floats, phrase: NDArray[np.int64], overlap: float) -> Detections:
    """One frame's detections, best first, without near-duplicates of one phrase.

    Args:
        masks: (N, H, W).
        scores: (N,) 0-1.
        phrase: (N,).
        overlap: IoU with a better mask of the same phrase above which a mask is dropped; one that lies within it, too.
    """
    order = np.argsort(-scores, kind="stable")
    taken: list[int] = []
    for i in order:
        rivals = [k for k in taken if phrase[k] == phrase[i]]
        if masks[i].any() and not any(_duplicate(masks[i], masks[k], overlap) for k in rivals):
            taken.append(int(i))
    boxes = np.array([bounding_box(masks[i]) for i in taken], np.float32).reshape(-1, 4)
    return Detections(boxes, scores[taken].astype(np.float32), phrase[taken], masks[taken])


def _duplicate(mask: NDArray[np.bool_], better: NDArray[np.bool_], overlap: float) -> bool:
    common, area, other = int((mask & better).sum()), int(mask.sum()), int(better.sum())
    return common > overlap * (area + other - common) or common > _CONTAINED * min(area, other)


def kept(found: Detections, min_score: float, max_objects: int) -> Detections:
    """The best `max_objects` of each phrase, of those that score at least `min_score`; in the same order."""
    seen: dict[int, int] = {}
    chosen: list[int] = []
    for i, (score, phrase) in enumerate(zip(found.scores, found.phrase)):
        if score >= min_score and seen.get(int(phrase), 0) < max_objects:
            seen[int(phrase)] = seen.get(int(phrase), 0) + 1
            chosen.append(i)
    masks = None if found.masks is None else found.masks[chosen]
    return Detections(found.boxes[chosen], found.scores[chosen], found.phrase[chosen], masks)


def _likeliest(found: Detections, limit: int) -> Detections:
    """The best `limit` of each phrase, less the faint."""
    order = np.argsort(-found.scores, kind="stable")
    masks = None if found.masks is None else found.masks[order]
    best = float(found.scores.max(initial=0.0))
    return kept(Detections(found.boxes[order], found.scores[order], found.phrase[order], masks), _FAINT * best, limit)


def _masks_of(session: Session, found: Detections, position: int, shape: tuple[int, ...]) -> Masks:
    """(N, H, W) for boxes; a box is its own mask where the tracker sees nothing in it."""
    masks, _ = session.segment([Prompt(i, position, box=box) for i, box in enumerate(found.boxes)])
    for mask, (left, top, right, bottom) in zip(masks, found.boxes):
        if not mask.any():
            mask[max(round(top), 0) : round(bottom), max(round(left), 0) : round(right)] = True
    return masks.reshape(-1, *shape)


def _softmax_first(logits: Floats) -> Floats:
    """The first of each last axis' shares."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    share: Floats = powers[..., 0] / powers.sum(axis=-1)
    return share

"""A tracker without a model: follows connected regions of one flat colour, for tests and dry runs.

Deterministic and exact enough to reason about: a prompt picks a colour, the object is the connected
region of that colour under the prompt, and on the next frame it is the region of that colour which
overlaps it most, or else the nearest one. It is not seen while nothing has its colour, and found
again when something does. Its score is its area over that at its prompt, at most 1, so that an
object half hidden scores 0.5. Two things of one colour that touch become one. Needs numpy and scipy
alone.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from trawl.models.sam2.weights import TrackerBlueprint
from trawl.models.session import check_frames, check_prompts, spans
from trawl.records.arrays import Frames
from trawl.records.tracking import Prompt, TrackedFrame

Mask = NDArray[np.bool_]  # (H, W)
_NEAR = 40  # levels of a channel: what compression does to a flat colour
_RULE = f"flat colours, within {_NEAR}"


def blueprint() -> TrackerBlueprint:
    """Describe the fake in the words of any other tracker."""
    sha256 = hashlib.sha256(_RULE.encode()).hexdigest()
    return TrackerBlueprint(
        "fake", "flat-colors", "none", sha256, None, image_size=0, precision="fp32"
    )


class FakeTracker:
    """A `protocols.Tracker` that follows flat colours.

    >>> frames = np.zeros((3, 8, 16, 3), np.uint8)
    >>> for t in range(3):
    ...     frames[t, 2:4, 4 * t : 4 * t + 2] = (255, 0, 0)
    >>> prompt = Prompt(7, 0, box=np.array([0, 2, 2, 4], np.float32))
    >>> [np.argwhere(f.masks[0])[0].tolist() for f in FakeTracker().open(frames).propagate([prompt])]
    [[2, 0], [2, 4], [2, 8]]
    """

    def open(self, frames: Frames, size: tuple[int, int] | None = None) -> "FakeSession":
        """A session over (T, H, W, 3) uint8 RGB, T at least 1; masks are of `size` (height, width),
        by default the frames'.
        """
        return FakeSession(frames, size)


@dataclass(slots=True)
class _Object:
    """color (3,) int16; area in pixels at its prompt; mask where it was seen last."""

    color: NDArray[np.int16]
    area: int
    mask: Mask


class FakeSession:
    """A `protocols.Session` over flat colours.

    It works at `size`, to which the frames are cut by nearest pixels.
    """

    def __init__(self, frames: Frames, size: tuple[int, int] | None) -> None:
        self._size = check_frames(frames, size)
        self._frames = frames
        self._rows = np.arange(self._size[0]) * frames.shape[1] // self._size[0]
        self._columns = np.arange(self._size[1]) * frames.shape[2] // self._size[1]

    def segment(self, prompts: Sequence[Prompt]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Each prompt's region of one colour: masks (K, H, W) bool and scores (K,) float32, 1 where
        there is one.
        """
        check_prompts(prompts, len(self._frames), self._size)
        masks = np.zeros((len(prompts), *self._size), bool)
        for mask, prompt in zip(masks, prompts):
            mask[:] = self._pick(prompt).mask
        scores = np.array([mask.any() for mask in masks], np.float32)
        return masks, scores

    def propagate(self, prompts: Sequence[Prompt], reverse: bool = False) -> Iterator[TrackedFrame]:
        """Follow the prompted objects to the end of the session, or with `reverse` to its
        beginning.
        """
        check_prompts(prompts, len(self._frames), self._size, one_each=True)
        return self._follow(prompts, reverse)

    def _follow(self, prompts: Sequence[Prompt], reverse: bool) -> Iterator[TrackedFrame]:
        starts = spans(prompts, reverse)
        told = {(prompt.object_id, prompt.position): prompt for prompt in prompts}
        live: dict[int, _Object] = {}
        for position in starts.positions(len(self._frames)):
            ids = starts.begun(position)
            found = [self._step(object_id, position, told, live) for object_id in ids]
            masks = np.stack([mask for mask, _ in found])
            scores = np.array([score for _, score in found], np.float32)
            yield TrackedFrame(position, np.array(ids, np.int64), masks, scores)

    def _step(
        self,
        object_id: int,
        position: int,
        told: dict[tuple[int, int], Prompt],
        live: dict[int, _Object],
    ) -> tuple[Mask, float]:
        prompt = told.get((object_id, position))
        if prompt is not None:
            live[object_id] = self._pick(prompt)
            return live[object_id].mask, float(live[object_id].mask.any())
        known = live[object_id]
        mask = _next(self._regions(position, known.color), known.mask)
        if mask.any():
            known.mask = mask
        return mask, min(1.0, int(mask.sum()) / max(known.area, 1))

    def _pick(self, prompt: Prompt) -> _Object:
        inside = _inside(prompt, self._size)
        color = (
            np.median(self._frame(prompt.position)[inside], axis=0).astype(np.int16)
            if inside.any()
            else _NOTHING
        )
        mask = _next(self._regions(prompt.position, color), inside, reach=False)
        return _Object(color, int(mask.sum()), mask if mask.any() else inside & False)

    def _frame(self, position: int) -> NDArray[np.int16]:
        frame: NDArray[np.int16] = self._frames[position][
            self._rows[:, None], self._columns
        ].astype(np.int16)
        return frame

    def _regions(self, position: int, color: NDArray[np.int16]) -> NDArray[np.int32]:
        """(H, W): the number of each pixel's region of that colour, 0 where it has another."""
        near = np.abs(self._frame(position) - color).max(axis=-1) <= _NEAR
        labels: NDArray[np.int32] = ndimage.label(near)[0]
        return labels


_NOTHING = np.full(3, -1000, np.int16)  # a colour that no pixel has


def _inside(prompt: Prompt, size: tuple[int, int]) -> Mask:
    """The pixels that a prompt vouches for: of a mask all, of points those on the object, of a box
    its inner half.
    """
    inside = np.zeros(size, bool)
    if prompt.mask is not None:
        inside |= prompt.mask
    elif prompt.points is not None and prompt.labels is not None and (prompt.labels == 1).any():
        x, y = prompt.points[prompt.labels == 1].astype(int).T
        inside[y.clip(0, size[0] - 1), x.clip(0, size[1] - 1)] = True
    elif prompt.box is not None:
        left, top, right, bottom = prompt.box
        width, height = right - left, bottom - top
        x0, x1 = int(left + width / 4), int(np.ceil(right - width / 4))
        y0, y1 = int(top + height / 4), int(np.ceil(bottom - height / 4))
        inside[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    return inside


def _next(regions: NDArray[np.int32], before: Mask, reach: bool = True) -> Mask:
    """The region that overlaps a mask most; with `reach`, where none does, the one whose centre is
    nearest to its.
    """
    overlaps = np.bincount(regions[before], minlength=2)
    overlaps[0] = 0
    if overlaps.max() > 0:
        best = int(overlaps.argmax())
    elif reach and regions.any() and before.any():
        numbers = np.unique(regions[regions > 0])
        centres = np.array(ndimage.center_of_mass(regions > 0, regions, numbers))
        best = int(
            numbers[np.linalg.norm(centres - np.argwhere(before).mean(axis=0), axis=1).argmin()]
        )
    else:
        return np.zeros(regions.shape, bool)
    mask: Mask = regions == best
    return mask

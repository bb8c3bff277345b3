"""Squares that move as told, and models that see them perfectly: what is left to test is who is
taken for whom.

Red holds a square's identity (from 1), green its look (from 1), 0 is background; blue holds the
frame's number, modulo 256. A square drawn later is in front.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trawl.config.steps import TrackingConfig
from trawl.errors import DeviceMemoryError
from trawl.records.tracking import ClipFrames, Detections, Prompt, Target, Track, TrackedFrame
from trawl.track.follow import Followed, follow

FPS = 10
LOOKS = 16


@dataclass(frozen=True)
class Square:
    """at(t): centre xy in pixels on frame t, or None where it is not there."""

    at: Callable[[int], tuple[float, float] | None]
    side: int = 8
    look: int | None = None  # its own by default


def moving(
    x: float, y: float, dx: float = 0.0, dy: float = 0.0, first: int = 0, last: int = 10**9, **kw
) -> Square:
    """At (x, y) on frame 0, (dx, dy) further on each; seen from frame `first` to `last`."""
    return Square(lambda t: (x + dx * t, y + dy * t) if first <= t <= last else None, **kw)


def picture(squares: Sequence[Square], t: int, height: int, width: int) -> np.ndarray:
    frame = np.zeros((height, width, 3), np.uint8)
    frame[..., 2] = t % 256
    for n, square in enumerate(squares, 1):
        if (centre := square.at(t)) is None:
            continue
        left, top = (round(c - square.side / 2) for c in centre)
        area = (
            slice(max(top, 0), max(top + square.side, 0)),
            slice(max(left, 0), max(left + square.side, 0)),
        )
        frame[area] = (n, square.look or n, t % 256)
    return frame


def batches(
    squares: Sequence[Square], frames: int, size=(48, 96), batch: int = 7
) -> Iterator[ClipFrames]:
    """A clip of the squares, `batch` frames at a time, its numbers and times beginning at 100 and
    10 s.
    """
    for start in range(0, frames, batch):
        steps = range(start, min(start + batch, frames))
        pictures = np.stack([picture(squares, t, *size) for t in steps])
        index = np.array(steps, np.int64) + 100
        yield ClipFrames(pictures, index, index / FPS)


@dataclass
class SquareTracker:
    """Follows a square by its identity.

    One that is out of sight for more than `patience` frames is not found again.

    reach: frames from its prompt after which it loses what it follows. fits: (most frames, most
    objects in a call) that its pretended device holds. slips: from that frame on, who is taken for
    whom.
    """

    patience: int = 10**9
    reach: int = 10**9
    fits: tuple[int, int] = (10**9, 10**9)
    slips: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    opened: list[int] = field(default_factory=list)  # frames of each session
    object_frames: int = 0

    def open(self, frames, size=None):
        self.opened.append(len(frames))
        if len(frames) > self.fits[0]:
            raise DeviceMemoryError(f"{len(frames)} frames do not fit")
        return SquareSession(self, frames)


@dataclass
class SquareSession:
    tracker: SquareTracker
    frames: np.ndarray

    def segment(self, prompts: Sequence[Prompt]):
        masks = [self.frames[p.position, ..., 0] == self._who(p) for p in prompts]
        return np.array(masks), np.ones(len(masks), np.float32)

    def propagate(self, prompts: Sequence[Prompt], reverse: bool = False) -> Iterator[TrackedFrame]:
        if len(prompts) > self.tracker.fits[1]:
            raise DeviceMemoryError(f"{len(prompts)} objects do not fit")
        who = {p.object_id: self._who(p) for p in prompts}
        begin = {p.object_id: p.position for p in prompts}
        unseen = dict.fromkeys(who, 0)
        order = range(len(self.frames))[:: -1 if reverse else 1]
        first = (max if reverse else min)(begin.values())
        for position in order:
            if (position > first) if reverse else (position < first):
                continue
            ids = [k for k in who if (begin[k] >= position if reverse else begin[k] <= position)]
            masks = np.array([self._seen(position, who[k]) for k in ids])
            for n, key in enumerate(ids):
                unseen[key] = (
                    0
                    if masks[n].any() and unseen[key] <= self.tracker.patience
                    else unseen[key] + 1
                )
                masks[n] &= unseen[key] == 0 and abs(position - begin[key]) <= self.tracker.reach
            self.tracker.object_frames += len(ids)
            yield TrackedFrame(
                position, np.array(ids, np.int64), masks, np.full(len(ids), 0.9, np.float32)
            )

    def _seen(self, position: int, who: int) -> np.ndarray:
        frame = self.frames[position]
        start, other = self.tracker.slips.get(who, (10**9, who))
        return frame[..., 0] == (other if frame[0, 0, 2] >= start else who)

    def _who(self, prompt: Prompt) -> int:
        """The identity that fills most of the prompt; one that is nowhere if there is none."""
        frame = self.frames[prompt.position, ..., 0]
        if prompt.mask is not None:
            inside = frame[prompt.mask]
        else:
            left, top, right, bottom = (round(float(side)) for side in prompt.box)
            inside = frame[top:bottom, left:right].ravel()
        counts = np.bincount(inside, minlength=2)[1:]
        return int(counts.argmax()) + 1 if counts.any() else 255


@dataclass
class SquareGrounder:
    """Finds squares by what each phrase says of them: {phrase: {identity: score}}. as_boxes: it
    gives no masks.
    """

    knows: Mapping[str, Mapping[int, float]]
    as_boxes: bool = False
    asked: list[list[int]] = field(default_factory=list)  # the positions of each call

    def detect(self, session, frames, positions, phrases):
        self.asked.append(list(positions))
        return [self._on(frames[position, ..., 0], phrases) for position in positions]

    def _on(self, frame: np.ndarray, phrases: Sequence[str]) -> Detections:
        found = []
        for number, phrase in enumerate(phrases):
            for who, score in self.knows.get(phrase, {}).items():
                rows, columns = np.nonzero(frame == who)
                if len(rows):
                    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                    found.append((score, number, box, frame == who))
        found.sort(key=lambda one: -one[0])
        return Detections(
            boxes=np.array([box for _, _, box, _ in found], np.float32).reshape(-1, 4),
            scores=np.array([score for score, *_ in found], np.float32),
            phrase=np.array([number for _, number, *_ in found], np.int64),
            masks=None
            if self.as_boxes
            else np.array([m for *_, m in found]).reshape(-1, *frame.shape),
        )


def embed_crops(crops):
    """How much of a crop has each look."""
    counts = np.array(
        [np.bincount(crop[..., 1].ravel(), minlength=LOOKS)[:LOOKS] for crop in crops], np.float32
    )
    counts[:, 0] = 0.01  # a crop of nothing is like itself
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def run(
    squares: Sequence[Square],
    frames: int,
    *,
    size=(48, 96),
    tracker: SquareTracker | None = None,
    grounder: SquareGrounder | None = None,
    looks: bool = True,
    targets: Sequence[Target] = (Target("a square", 0.5, 10.0),),
    **settings,
) -> Followed:
    """Follow all squares of a clip, by default under the phrase "a square"."""
    grounder = grounder or SquareGrounder(
        {"a square": dict.fromkeys(range(1, len(squares) + 1), 0.9)}
    )
    config = TrackingConfig(**settings)
    clip = batches(squares, frames, size)
    return follow(
        clip, targets, grounder, tracker or SquareTracker(), embed_crops if looks else None, config
    )


def truth(
    square: int, squares: Sequence[Square], frames: int, size=(48, 96)
) -> dict[int, np.ndarray]:
    """The masks of one square (from 1) by frame_index, where it is seen."""
    seen = {t + 100: picture(squares, t, *size)[..., 0] == square for t in range(frames)}
    return {index: mask for index, mask in seen.items() if mask.any()}


def masks_of(track: Track) -> dict[int, str]:
    """RLE by frame_index, of the rows that have a mask."""
    return {row.frame_index: row.rle for row in track.rows if row.rle is not None}

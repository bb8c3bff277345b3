"""Draws tracked objects onto frames: masks, boxes, tails and labels.

A mask is a translucent fill with an outline in the object's colour. A row without a mask, which is
the motion model's guess, is a dashed box. The tail shows where the object's centre was lately,
dashed where that was a guess. Labels give number, text and score, with doubts below. Only the tails
are kept between frames. OpenCV draws; its colours are RGB here because the frames are, and its own
typefaces cover most scripts.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from trawl import masks
from trawl.draw.palette import Rgb, color, ink

Picture = NDArray[np.uint8]  # (H, W, 3) RGB

_FILL = 0.45  # opacity of a mask
_DARK: Rgb = (16, 18, 22)
_DOUBT: Rgb = (255, 214, 110)
_PAD = 4  # pixels around a label's text
_TEXT_CHARS = 28


@dataclass(frozen=True, slots=True)
class Mark:
    """Holds one object on one frame, as a row of `schemas.MASKS` describes it.

    Args:
        text: The phrase that named the object.
        box: xyxy in pixels of (height, width), like the mask.
        rle: The mask as COCO compressed RLE, or None for a guess without a mask.
        flags: Doubts in words, such as "area jump".
    """

    number: int
    text: str
    score: float
    box: tuple[float, float, float, float]
    rle: str | None
    height: int
    width: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Spot:
    """Holds one point of a tail; `gap` marks the stroke to it as a gap of a dashed line."""

    time_s: float
    x: float
    y: float
    gap: bool


class Overlay:
    """Draws the frames of one clip in order of time.

    Args:
        tail_s: Seconds that a tail reaches back, 0 for no tail.
    """

    def __init__(self, tail_s: float) -> None:
        self._tail_s = tail_s
        self._tails: dict[int, deque[_Spot]] = {}
        self._guesses: dict[int, int] = {}  # rows without a mask in succession
        self._pen = Pen()

    def draw(
        self,
        frame: Picture,
        time_s: float,
        marks: Sequence[Mark],
        taken: list[tuple[int, int, int, int]] | None = None,
    ) -> Picture:
        """Return a copy of `frame` with its objects drawn on it.

        Args:
            marks: The objects, with numbers that all differ.
            taken: Boxes (xyxy pixels) that labels avoid if there is room; boxes of new labels are
                added.
        """
        canvas = frame.copy()
        scale = max(1.0, min(canvas.shape[:2]) / 480)
        for mark in marks:
            self._extend(mark, time_s, canvas)
        for mark in marks:
            _fill(canvas, mark, scale)
        self._draw_tails(canvas, time_s, scale)
        taken = [] if taken is None else taken
        for mark in marks:
            self._label(canvas, mark, scale, taken)
        return canvas

    def _extend(self, mark: Mark, time_s: float, canvas: Picture) -> None:
        x, y = _centre(mark, canvas)
        guesses = self._guesses[mark.number] = (
            self._guesses.get(mark.number, 0) + 1 if mark.rle is None else 0
        )
        self._tails.setdefault(mark.number, deque()).append(_Spot(time_s, x, y, guesses % 4 >= 2))

    def _draw_tails(self, canvas: Picture, now_s: float, scale: float) -> None:
        for number, tail in list(self._tails.items()):
            while tail and tail[0].time_s < now_s - self._tail_s:
                tail.popleft()
            if not tail:
                del self._tails[number]
                continue
            for width, shade in ((4 * scale, _DARK), (2 * scale, color(number))):
                for a, b in pairwise(tail):
                    if not b.gap:
                        cv2.line(
                            canvas, _at(a.x, a.y), _at(b.x, b.y), shade, round(width), cv2.LINE_AA
                        )

    def _label(
        self, canvas: Picture, mark: Mark, scale: float, taken: list[tuple[int, int, int, int]]
    ) -> None:
        track_color = color(mark.number)
        text = mark.text if len(mark.text) <= _TEXT_CHARS else mark.text[: _TEXT_CHARS - 1] + "…"
        score = "inferred" if mark.rle is None else f"{mark.score:.2f}"
        lines = [(f"{mark.number}  {text}  {score}", ink(track_color), track_color)]
        lines += [("! " + ", ".join(mark.flags), _DOUBT, _DARK)] if mark.flags else []
        size = round(13 * scale)
        sizes = [self._pen.size(line, size) for line, _, _ in lines]
        width, height = max(w for w, _ in sizes) + 2 * _PAD, sum(h + 2 * _PAD for _, h in sizes)
        x, y = free_place(scaled_box(mark, canvas), (width, height), canvas, taken)
        taken.append((x, y, x + width, y + height))
        for (line, letters, ground), (w, h) in zip(lines, sizes, strict=True):
            cv2.rectangle(canvas, (x, y), (x + w + 2 * _PAD, y + h + 2 * _PAD), ground, -1)
            self._pen.write(canvas, line, (x + _PAD, y + _PAD), size, letters)
            y += h + 2 * _PAD


class Pen:
    """Writes text in any script that OpenCV's typefaces cover. Not thread-safe."""

    def __init__(self) -> None:
        self._face = cv2.FontFace("sans")

    def size(self, text: str, pixels: int) -> tuple[int, int]:
        """Return (width, height) of a line; the height is the same for every text."""
        x, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), self._face, pixels, 500)
        return int(x + width), pixels

    def write(
        self, canvas: Picture, text: str, corner: tuple[int, int], pixels: int, letters: Rgb
    ) -> None:
        """Write a line whose left upper corner is `corner`."""
        baseline = corner[0], corner[1] + round(0.86 * pixels)
        cv2.putText(canvas, text, baseline, letters, self._face, pixels, 500)


def dashes(
    points: Sequence[tuple[float, float]], length: float
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield the ends of the strokes of a dashed line through `points`.

    Strokes and gaps are `length` pixels long.
    """
    walked = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        distance = math.hypot(x1 - x0, y1 - y0)
        at = 0.0
        while at < distance:
            step = min(length - walked % length, distance - at)
            if int(walked / length) % 2 == 0:
                a, b = at / distance, (at + step) / distance
                yield (
                    _at(x0 + a * (x1 - x0), y0 + a * (y1 - y0)),
                    _at(x0 + b * (x1 - x0), y0 + b * (y1 - y0)),
                )
            walked, at = walked + max(step, 1e-6), at + max(step, 1e-6)


def _fill(canvas: Picture, mark: Mark, scale: float) -> None:
    track_color = color(mark.number)
    if mark.rle is None:
        x0, y0, x1, y1 = scaled_box(mark, canvas)
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
        for width, shade in ((4 * scale, _DARK), (2 * scale, track_color)):
            for a, b in dashes(corners, 7 * scale):
                cv2.line(canvas, a, b, shade, round(width), cv2.LINE_AA)
        return
    mask = fitted(masks.decode(mark.rle, mark.height, mark.width), canvas)
    x, y, width, height = cv2.boundingRect(mask)
    part, inside = canvas[y : y + height, x : x + width], mask[y : y + height, x : x + width]
    if not part.size:
        return
    mixed = cv2.addWeighted(part, 1 - _FILL, np.full_like(part, track_color), _FILL, 0)
    cv2.copyTo(mixed, inside, part)
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    for thickness, shade in ((4 * scale, _DARK), (2 * scale, track_color)):
        cv2.drawContours(canvas, contours, -1, shade, round(thickness), cv2.LINE_AA)


def fitted(mask: masks.Mask, canvas: Picture) -> NDArray[np.uint8]:
    """Return the mask at the canvas's size, 255 where at least half of a pixel is covered."""
    height, width = canvas.shape[:2]
    full = mask.astype(np.uint8) * 255
    if mask.shape == (height, width):
        return full
    shrinks = width < mask.shape[1]
    covered = cv2.resize(
        full, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    return np.asarray(cv2.threshold(covered, 127, 255, cv2.THRESH_BINARY)[1], np.uint8)


def scaled_box(mark: Mark, canvas: Picture) -> tuple[float, float, float, float]:
    """Return the box in the canvas's pixels, with its corners inside the box."""
    fx, fy = canvas.shape[1] / mark.width, canvas.shape[0] / mark.height
    x0, y0, x1, y1 = mark.box
    return x0 * fx, y0 * fy, x1 * fx - 1, y1 * fy - 1


def enlarged(picture: Picture, shown: int, target: int) -> Picture:
    """Return a copy enlarged up to twice, so that what is drawn on a small picture is not coarse.

    Args:
        shown: The picture's side that is compared, in pixels.
        target: The length that side should reach; a longer side stays.
    """
    scale = min(max(target / shown, 1.0), 2.0)
    if scale == 1:
        return picture.copy()
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def to_jpeg(picture: Picture, quality: int) -> bytes:
    """Encode an RGB picture; quality: 0-100."""
    ok, data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    assert ok
    return bytes(data.tobytes())


def _centre(mark: Mark, canvas: Picture) -> tuple[float, float]:
    """Return the centre of the mask, as in the trajectory, or of the box without a mask."""
    x0, y0, x1, y1 = mark.box
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    if mark.rle is not None:
        x, y = masks.centroid(mark.rle, mark.height, mark.width)
    return x * canvas.shape[1] / mark.width, y * canvas.shape[0] / mark.height


def free_place(
    box: tuple[float, float, float, float],
    size: tuple[int, int],
    canvas: Picture,
    taken: Iterable[tuple[int, int, int, int]],
) -> tuple[int, int]:
    """Return left and top of a label at its box, inside the picture.

    The label goes above the box, below it, or as near as other labels leave room.
    """
    width, height = size
    most_x, most_y = max(canvas.shape[1] - width, 0), max(canvas.shape[0] - height, 0)
    x = round(min(max(box[0], 0), most_x))
    wishes = [box[1] - height - 2, box[3] + 3]
    wishes += [
        wish + step * height
        for step in range(1, 6)
        for wish in (wishes[1], wishes[0] - 2 * step * height)
    ]
    places = [round(min(max(wish, 0), most_y)) for wish in wishes]
    used = list(taken)
    for y in places:
        if not any(
            x < x1 and x0 < x + width and y < y1 and y0 < y + height for x0, y0, x1, y1 in used
        ):
            return x, y
    return x, places[0]


def _at(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)

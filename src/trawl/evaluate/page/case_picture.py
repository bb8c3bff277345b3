"""One thing that went wrong, on its frame: what is true as a dashed white outline, what the run
made of it in colour.

What the run found is drawn by the same overlay as everywhere else; the truth wears no colour, so
the two cannot be confused.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from trawl import masks
from trawl.draw.overlay import Mark, Overlay, Pen, Picture, dashes, fitted, free_place, scaled_box
from trawl.draw.palette import Rgb

_WHITE: Rgb = (255, 255, 255)
_DARK: Rgb = (16, 18, 22)
_PAD = 4  # pixels around the label's text
_TEXT_CHARS = 40


def draw_case(frame: Picture, truth: Mark | None, found: Sequence[Mark]) -> Picture:
    """A copy of `frame` with both on it.

    Args:
        frame: of the case, at any scale.
        truth: what should have been found; its `text` says what it is; None where nothing should.
        found: the run's objects on that frame that are looked at, numbers all different.
    """
    taken: list[tuple[int, int, int, int]] = []
    canvas = frame.copy()
    scale = max(1.0, min(canvas.shape[:2]) / 480)
    if truth is not None:  # its label's place is kept before the run's labels take theirs
        place = _label_place(truth, canvas, scale)
        taken.append(place)
    canvas = Overlay(0).draw(canvas, 0.0, found, taken)
    if truth is not None:
        for line in _outlines(truth, canvas):
            for width, shade in ((4 * scale, _DARK), (2 * scale, _WHITE)):
                for a, b in dashes(line, 6 * scale):
                    cv2.line(canvas, a, b, shade, round(width), cv2.LINE_AA)
        _write(canvas, _words(truth), place, scale)
    return canvas


def _outlines(mark: Mark, canvas: Picture) -> list[list[tuple[float, float]]]:
    """Closed lines in the canvas's pixels: around the mask, or the box where there is none."""
    if mark.rle is None:
        x0, y0, x1, y1 = scaled_box(mark, canvas)
        return [[(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]]
    mask = fitted(masks.decode(mark.rle, mark.height, mark.width), canvas)
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [
        [(float(x), float(y)) for x, y in np.concatenate([line, line[:1]])[:, 0]]
        for line in contours
    ]


def _words(mark: Mark) -> str:
    text = f"truth: {mark.text}"
    return text if len(text) <= _TEXT_CHARS else text[: _TEXT_CHARS - 1] + "…"


def _label_place(mark: Mark, canvas: Picture, scale: float) -> tuple[int, int, int, int]:
    """Below the object where there is room, since the run's labels go above."""
    width, height = Pen().size(_words(mark), round(13 * scale))
    wide, high = width + 2 * _PAD, height + 2 * _PAD
    x0, _, x1, y1 = scaled_box(mark, canvas)
    x, y = free_place((x0, y1 + high + 4, x1, y1), (wide, high), canvas, [])
    return x, y, x + wide, y + high


def _write(canvas: Picture, text: str, place: tuple[int, int, int, int], scale: float) -> None:
    cv2.rectangle(canvas, place[:2], place[2:], _WHITE, -1)
    Pen().write(canvas, text, (place[0] + _PAD, place[1] + _PAD), round(13 * scale), _DARK)

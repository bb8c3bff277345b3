"""What is drawn on a frame, where, and what is left alone."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trawl import masks
from trawl.draw.overlay import Mark, Overlay, dashes
from trawl.draw.palette import color

SIZE = (240, 320)


def square(left: int, top: int, side: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size, np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def mark(number: int = 0, mask: np.ndarray | None = None, **changes) -> Mark:
    box = (
        tuple(map(float, masks.bounding_box(mask)))
        if mask is not None
        else (100.0, 100.0, 140.0, 140.0)
    )
    size = mask.shape if mask is not None else SIZE
    facts = {
        "number": number,
        "text": "a red star",
        "score": 0.9,
        "box": box,
        "height": size[0],
        "width": size[1],
    }
    return Mark(**(facts | {"rle": masks.encode(mask) if mask is not None else None} | changes))


def gray(size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full((*size, 3), 128, np.uint8)


def changed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one != other).any(axis=-1)


def is_near(picture: np.ndarray, wanted: tuple[int, int, int]) -> np.ndarray:
    return (np.abs(picture.astype(int) - wanted) <= 6).all(axis=-1)


def test_a_mask_is_a_translucent_fill_and_the_frame_stays_as_it_is() -> None:
    frame, mask = gray(), square(100, 120, 60)
    drawn = Overlay(0).draw(frame, 0.0, [mark(2, mask)])
    inside = drawn[150:170, 140:155]
    mixed = tuple(round(0.55 * 128 + 0.45 * part) for part in color(2))
    assert is_near(inside, mixed).all()
    assert (frame == 128).all(), "the caller's frame is not drawn on"
    assert not changed(drawn, frame)[200:].any() and not changed(drawn, frame)[:90].any()


def test_masks_fit_frames_of_another_size() -> None:
    full = square(200, 300, 240, (480 * 2, 640 * 2))
    small = Overlay(0).draw(gray(), 0.0, [mark(3, full)])
    edge = is_near(small, color(3))
    rows, columns = (
        np.flatnonzero(edge[70:].any(axis=1)) + 70,
        np.flatnonzero(edge[80:].any(axis=0)),
    )
    assert abs(rows[-1] - (300 + 240) / 4) <= 3 and abs(columns[-1] - (200 + 240) / 4) <= 3


def test_a_guess_is_a_dashed_box_without_a_fill() -> None:
    drawn = Overlay(0).draw(gray(), 0.0, [mark(0)])
    assert not changed(drawn, gray())[112:128, 112:128].any()
    bottom = is_near(drawn[139], color(0))[100:140]
    assert 0.2 < bottom.mean() < 0.9, "strokes and gaps"


def test_flags_are_written_below_the_label() -> None:
    plain, flagged = (
        Overlay(0).draw(gray(), 0.0, [mark(0, square(20, 100, 40), flags=flags)])
        for flags in ((), ("speed",))
    )
    assert (
        is_near(flagged, (255, 214, 110)).sum() > 10 and not is_near(plain, (255, 214, 110)).any()
    )


@pytest.mark.parametrize(("tail_s", "reaches"), [(0.0, False), (1.0, False), (10.0, True)])
def test_the_tail_reaches_back_as_far_as_it_is_told(tail_s: float, reaches: bool) -> None:
    overlay = Overlay(tail_s)
    for n in range(30):
        drawn = overlay.draw(gray(), n / 10, [mark(1, square(10 + 8 * n, 200, 10))])
    assert is_near(drawn[203:208, 14:60], color(1)).any() == reaches
    assert is_near(drawn[203:208, 200:240], color(1)).any() == (tail_s > 0)


def test_a_tail_is_forgotten_with_its_object() -> None:
    overlay = Overlay(1.0)
    overlay.draw(gray(), 0.0, [mark(1, square(10, 10, 10))])
    overlay.draw(gray(), 0.5, [mark(1, square(90, 10, 10))])
    assert changed(overlay.draw(gray(), 0.6, []), gray()).any()
    assert not changed(overlay.draw(gray(), 5.0, []), gray()).any()


def test_labels_do_not_cover_each_other() -> None:
    crowd = [mark(n, square(100, 120, 20), text=f"thing {n}") for n in range(4)]
    drawn = Overlay(0).draw(gray(), 0.0, crowd)
    heights = [is_near(drawn, color(n)).sum(axis=1).max() for n in range(4)]
    assert min(heights) > 40, "a row of each label's ground is seen"


def test_labels_are_in_any_script_and_never_too_long() -> None:
    for text in ("紅い星", "красная звезда", "x" * 500, ""):
        drawn = Overlay(0).draw(gray(), 0.0, [mark(0, square(100, 100, 50), text=text)])
        assert changed(drawn, gray())[75:98].any()


@settings(max_examples=40, deadline=None)
@given(
    box=st.tuples(*[st.floats(-200, 500)] * 4),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    flags=st.sampled_from([(), ("speed", "area jump")]),
)
def test_no_box_and_no_frame_is_too_odd(
    box: tuple[float, ...], size: tuple[int, int], flags: tuple[str, ...]
) -> None:
    frame = gray(size)
    drawn = Overlay(1.0).draw(
        frame, 0.0, [mark(0, box=box, flags=flags), mark(1, np.zeros(SIZE, np.bool_))]
    )
    assert drawn.shape == frame.shape and (frame == 128).all()


@settings(max_examples=60, deadline=None)
@given(
    points=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=2, max_size=12),
    length=st.sampled_from([3, 7.5, 12]),
)
def test_half_of_a_dashed_line_is_drawn(points: list[tuple[int, int]], length: float) -> None:
    strokes = list(dashes([(float(x), float(y)) for x, y in points], length))
    full = sum(np.hypot(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in pairwise(points))
    drawn = sum(np.hypot(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in strokes)
    assert abs(drawn - full / 2) <= length + 1.5 * len(strokes)

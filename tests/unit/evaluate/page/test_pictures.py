"""Truth and run on one frame."""

import numpy as np
from tracked import square

from trawl import masks
from trawl.draw.overlay import Mark
from trawl.draw.palette import color
from trawl.evaluate.page.pictures import draw_case

SIZE = (240, 320)


def mark(left: int, top: int, number: int = 0, rle: bool = True, text: str = "a red star") -> Mark:
    mask = square(SIZE, left, top, 60)
    box = tuple(float(side) for side in masks.bounding_box(mask))
    return Mark(number, text, 0.8, box, masks.encode(mask) if rle else None, *SIZE)  # type: ignore[arg-type]


def blank() -> np.ndarray:
    return np.full((*SIZE, 3), 128, np.uint8)


def near(picture: np.ndarray, shade: tuple[int, int, int], part: tuple[slice, slice]) -> int:
    return int((np.abs(picture[part].astype(int) - shade).max(axis=-1) < 30).sum())


def test_truth_is_white_and_the_run_in_colour_each_at_its_place() -> None:
    picture = draw_case(blank(), mark(20, 60), [mark(200, 60)])
    left, right = (slice(60, 121), slice(18, 84)), (slice(60, 121), slice(198, 264))
    assert near(picture, (255, 255, 255), left) > 50 and near(picture, color(0), left) == 0
    assert near(picture, color(0), right) > 50 and near(picture, (255, 255, 255), right) == 0


def test_the_truths_outline_is_dashed() -> None:
    picture = draw_case(blank(), mark(20, 60), [])
    edge = picture[60, 24:76].astype(int).min(axis=-1) > 220
    assert 0.2 < edge.mean() < 0.8 and np.abs(np.diff(edge.astype(int))).sum() >= 6


def test_a_truth_of_boxes_is_a_box() -> None:
    drawn = draw_case(blank(), mark(100, 60, rle=False), [])
    edge = drawn[60, 104:156].astype(int).min(axis=-1) > 220
    assert edge.any() and (drawn[90, 120] == 128).all()


def test_labels_keep_clear_of_each_other() -> None:
    truth, result = mark(100, 100, text="large red star"), [mark(100, 100, k) for k in range(3)]
    with_truth, without = draw_case(blank(), truth, result), draw_case(blank(), None, result)
    place = slice(162, 182), slice(100, 230)  # below the object
    assert near(with_truth, (255, 255, 255), place) > 1000
    assert near(without, (255, 255, 255), place) < 50
    full = slice(None), slice(None)
    assert all(near(with_truth, color(k), full) > 1500 for k in range(3)), (
        "no label lies below another"
    )


def test_the_frame_is_not_drawn_on_and_any_scale_will_do() -> None:
    frame = np.full((480, 640, 3), 60, np.uint8)
    picture = draw_case(frame, mark(20, 60), [mark(200, 60)])
    assert (frame == 60).all() and picture.shape == frame.shape
    assert near(picture, color(0), (slice(118, 244), slice(398, 524))) > 200


def test_nothing_to_show_is_the_frame() -> None:
    assert (draw_case(blank(), None, []) == blank()).all()

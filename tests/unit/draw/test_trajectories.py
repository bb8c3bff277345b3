"""Where lines run, end and are dashed."""

import numpy as np
import pytest

from trawl.draw.palette import color
from trawl.draw.trajectories import Path, empty_ground, plot

SIZE = (240, 320)


def line(number: int = 0, inferred: slice | None = None, n: int = 50) -> Path:
    """From left to right at half the height of a 640 x 480 video."""
    guessed = np.zeros(n, np.bool_)
    if inferred:
        guessed[inferred] = True
    return Path(
        number,
        np.stack([np.linspace(40, 600, n), np.full(n, 240)], axis=1).astype(np.float32),
        guessed,
    )


def on_line(picture: np.ndarray, number: int = 0) -> np.ndarray:
    """Which columns of the middle row are in the object's colour."""
    return (np.abs(picture[118:123].astype(int) - color(number)) <= 30).all(axis=-1).any(axis=0)


def ground() -> np.ndarray:
    return np.full((*SIZE, 3), 200, np.uint8)


def test_a_path_is_scaled_to_the_picture_and_the_picture_dimmed() -> None:
    drawn = plot(ground(), (480, 640), [line()])
    assert on_line(drawn)[50:290].all()
    assert not on_line(drawn)[:10].any() and not on_line(drawn)[312:].any()
    assert (drawn[0] == 110).all()


def test_what_was_guessed_is_dashed() -> None:
    drawn = on_line(plot(ground(), (480, 640), [line(inferred=slice(20, 35))]))
    assert 0.2 < drawn[140:215].mean() < 0.9
    assert drawn[60:130].all() and drawn[226:280].all()


@pytest.mark.parametrize(
    "guessed", [slice(0, 10), slice(40, 50), slice(0, 50)], ids=["start", "end", "all"]
)
def test_guesses_at_the_ends(guessed: slice) -> None:
    drawn = on_line(plot(ground(), (480, 640), [line(inferred=guessed)]))
    assert not drawn[50:280].all() and drawn[50:280].any()


def test_standing_still_single_and_empty_paths() -> None:
    still = Path(1, np.full((9, 2), 100, np.float32), np.zeros(9, np.bool_))
    single = Path(2, np.full((1, 2), 200, np.float32), np.zeros(1, np.bool_))
    empty = Path(3, np.zeros((0, 2), np.float32), np.zeros(0, np.bool_))
    drawn = plot(ground(), (480, 640), [still, single, empty])
    for number, visible in ((1, True), (2, True), (3, False)):
        assert (np.abs(drawn.astype(int) - color(number)) <= 6).all(axis=-1).any() == visible


def test_numbers_stay_inside() -> None:
    corner = Path(5, np.array([[639, 479], [700, 600]], np.float32), np.zeros(2, np.bool_))
    drawn = plot(ground(), (480, 640), [corner])
    assert (np.abs(drawn[-25:, -30:].astype(int) - color(5)) <= 6).all(axis=-1).sum() > 60


@pytest.mark.parametrize(
    ("size", "shape"), [((1080, 1920), (360, 640)), ((90, 160), (180, 320)), ((4000, 2), (640, 1))]
)
def test_an_empty_ground_keeps_the_proportions(
    size: tuple[int, int], shape: tuple[int, int]
) -> None:
    assert empty_ground(size, 640).shape == (*shape, 3)

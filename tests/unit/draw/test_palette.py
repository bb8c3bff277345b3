"""Colours that can be told apart and read."""

import cv2
import numpy as np
import pytest

from trawl.draw.palette import COLORS, color, contrast, css, ink

# How the world looks without one kind of cone, on linear RGB (Vienot, Brettel and Mollon 1999).
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


def lab(colors: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(colors[None].astype(np.float32), cv2.COLOR_RGB2Lab)[0]


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_colors_differ_for_everybody(blindness: str) -> None:
    linear = (np.array(COLORS) / 255) ** 2.2
    visible = lab((linear @ np.transpose(BLINDNESS[blindness])).clip(0, 1) ** (1 / 2.2))
    apart = np.linalg.norm(visible[:, None] - visible[None], axis=-1)[
        ~np.eye(len(COLORS), dtype=bool)
    ]
    assert apart.min() > 17, "just noticeable is 2.3"


def test_letters_can_be_read_on_every_color() -> None:
    assert min(contrast(ink(background), background) for background in COLORS) > 4.5


def test_neighbours_differ_and_numbers_go_round() -> None:
    assert all(color(n) != color(n + 1) for n in range(50))
    assert color(len(COLORS)) == color(0)
    assert css((0, 10, 255)) == "#000aff"

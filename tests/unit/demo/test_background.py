"""Backgrounds: one for each word, the same for the same seed, never as bright, dark or vivid as an
object.
"""

import cv2
import numpy as np
import pytest

from trawl.demo import words
from trawl.demo.background import paint


@pytest.mark.parametrize("kind", words.BACKGROUNDS)
def test_same_seed_same_texture_and_other_seed_another(kind):
    first, again, other = (paint(kind, np.random.default_rng(seed), 96) for seed in (1, 1, 2))
    assert first.shape == (96, 96, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 2


@pytest.mark.parametrize("kind", words.BACKGROUNDS)
def test_duller_than_objects(kind):
    for seed in range(5):
        texture = paint(kind, np.random.default_rng(seed), 96)
        saturation = cv2.cvtColor(texture, cv2.COLOR_RGB2HSV)[..., 1]
        assert texture.min() >= 42 and texture.max() <= 214
        assert saturation.mean() < 135

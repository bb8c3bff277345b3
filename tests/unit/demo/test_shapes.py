"""Outlines: inside the unit circle, drawable, and no two alike however they are turned."""

import itertools

import cv2
import numpy as np
import pytest

from trawl.demo import words
from trawl.demo.shapes import outline


def drawn(shape: str, degrees: float = 0.0) -> np.ndarray:
    picture = np.zeros((64, 64), dtype=np.uint8)
    a = np.deg2rad(degrees)
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) * 30
    cv2.fillPoly(
        picture, [np.round(contour @ turn + 32).astype(np.int32) for contour in outline(shape)], 1
    )
    return picture.astype(bool)


@pytest.mark.parametrize("shape", words.SHAPES)
def test_lies_in_the_unit_circle_and_fills_some_of_it(shape):
    assert max(np.hypot(*contour.T).max() for contour in outline(shape)) < 1.2
    assert 0.12 < drawn(shape).mean() < 0.8


def test_no_two_shapes_are_alike():
    turned = {shape: [drawn(shape, d) for d in range(0, 360, 10)] for shape in words.SHAPES}
    for a, b in itertools.combinations(words.SHAPES, 2):
        overlap = max(
            (turned[a][0] & other).sum() / (turned[a][0] | other).sum() for other in turned[b]
        )
        assert overlap < 0.86, (a, b, overlap)


def test_a_ring_has_its_hole():
    assert not drawn("ring")[32, 32]
    assert drawn("circle")[32, 32]

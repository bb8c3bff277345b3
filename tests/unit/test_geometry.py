"""Boxes, right and bottom exclusive: against pixels counted one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trawl import geometry

corner = st.tuples(st.integers(0, 12), st.integers(0, 12))
box = st.tuples(corner, corner).map(
    lambda c: (
        min(c[0][0], c[1][0]),
        min(c[0][1], c[1][1]),
        max(c[0][0], c[1][0]),
        max(c[0][1], c[1][1]),
    )
)
boxes = st.lists(box, max_size=4)


def pixels(one):
    grid = np.zeros((12, 12), bool)
    left, top, right, bottom = one
    grid[top:bottom, left:right] = True
    return grid


@settings(max_examples=60, deadline=None)
@given(boxes, boxes)
def test_iou_counts_pixels(a, b):
    got = geometry.iou(a, b)
    assert got.shape == (len(a), len(b))
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            both, either = (pixels(one) & pixels(other)).sum(), (pixels(one) | pixels(other)).sum()
            assert got[i, j] == pytest.approx(both / either if either else 0.0)
            assert geometry.intersection([one], [other])[0, 0] == both


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.floats(-50, 50)] * 2, *[st.floats(0, 60)] * 2), st.floats(0, 2))
def test_crop_is_whole_pixels_inside_the_picture_and_never_empty(place, share):
    x, y, w, h = place
    left, top, right, bottom = geometry.crop([(x, y, x + w, y + h)], share, 20, 30)[0]
    assert 0 <= left < right <= 30 and 0 <= top < bottom <= 20
    inside = geometry.clip([(x, y, x + w, y + h)], 20, 30)[0]
    if geometry.areas([inside])[0]:
        assert left <= inside[0] and top <= inside[1] and right >= inside[2] and bottom >= inside[3]


def test_expand_and_clip():
    assert geometry.expand([(10, 10, 20, 14)], 0.1).tolist() == [[9, 9.6, 21, 14.4]]
    assert geometry.clip([(-3, 2, 5, 30), (40, 0, 50, 5)], 20, 30).tolist() == [
        [0, 2, 5, 20],
        [30, 0, 30, 5],
    ]
    assert geometry.areas(geometry.clip([(40, 0, 50, 5)], 20, 30)).tolist() == [0]


def test_an_inverted_box_has_no_area():
    assert geometry.areas([(5, 5, 3, 9)]).tolist() == [0]


def test_no_boxes():
    assert geometry.iou([], [(0, 0, 1, 1)]).shape == (0, 1)
    assert geometry.centres([]).shape == (0, 2)
    assert geometry.crop([], 0.1, 5, 5).shape == (0, 4)
    assert geometry.centres([(0, 0, 4, 2)]).tolist() == [[2, 1]]

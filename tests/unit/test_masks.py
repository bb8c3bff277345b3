"""RLE is exact, and it is COCO's: pycocotools reads what we write."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from trawl import masks

any_mask = arrays(
    np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40), elements=st.booleans()
)


@settings(max_examples=60, deadline=None)
@given(any_mask)
def test_round_trip_and_area(mask):
    rle = masks.encode(mask)
    assert np.array_equal(masks.decode(rle, *mask.shape), mask)
    assert masks.area(rle, *mask.shape) == mask.sum()
    assert masks.decode(rle, *mask.shape).dtype == np.bool_


@settings(max_examples=60, deadline=None)
@given(any_mask)
def test_box_holds_all_and_no_more(mask):
    left, top, right, bottom = masks.bounding_box(mask)
    assert mask[top:bottom, left:right].sum() == mask.sum()
    if mask.any():
        inside = mask[top:bottom, left:right]
        assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()
    else:
        assert (left, top, right, bottom) == (0, 0, 0, 0)


@pytest.mark.parametrize("turned", [False, True], ids=["rows-in-memory", "columns-in-memory"])
def test_pycocotools_reads_it(turned):
    mask = np.zeros((5, 9), dtype=bool)
    mask[1:3, 4:8] = True
    given_mask = np.asfortranarray(mask) if turned else mask
    rle = masks.encode(given_mask)
    assert rle.isascii()
    assert coco.toBbox({"size": [5, 9], "counts": rle.encode()}).tolist() == [4, 1, 4, 2]


@settings(max_examples=60, deadline=None)
@given(any_mask)
def test_centroid_is_the_mean_of_the_pixels_centres(mask):
    rows, columns = np.nonzero(mask)
    expected = (columns.mean() + 0.5, rows.mean() + 0.5) if len(rows) else (0.0, 0.0)
    assert masks.centroid(masks.encode(mask), *mask.shape) == pytest.approx(expected)

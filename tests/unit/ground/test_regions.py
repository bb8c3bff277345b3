"""From maps made by hand to places."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trawl.ground.regions import Region, fine, regions


def bump(shape: tuple[int, int], *peaks: tuple[int, int, float]) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    parts = [height * np.exp(-((y - py) ** 2 + (x - px) ** 2) / 50) for py, px, height in peaks]
    return np.max(parts, axis=0).astype(np.float32)


def test_regions_are_boxes_around_peaks_the_highest_first() -> None:
    found = regions(bump((64, 64), (16, 20, 0.5), (48, 40, 0.9)), level=0.5, limit=5)
    assert [region.peak for region in found] == [(40.5, 48.5), (20.5, 16.5)]
    np.testing.assert_allclose(found[0].box, [35, 43, 46, 54], atol=1)
    assert [round(region.value, 3) for region in found] == [0.9, 0.5]


def test_all_of_a_map_is_looked_at_though_a_high_region_has_several_summits() -> None:
    heat = bump((64, 64), (12, 12, 1.0), (12, 26, 0.98), (50, 50, 0.3))
    assert (50.5, 50.5) in [region.peak for region in regions(heat, level=0.2, limit=5)]


@pytest.mark.parametrize("lower", [0.95, 0.6])
def test_a_region_that_falls_apart_is_given_whole_and_in_parts(lower: float) -> None:
    heat = bump((64, 64), (32, 20, 1.0), (32, 36, lower))
    peaks = [region.peak for region in regions(heat, level=0.2, limit=5)]
    assert peaks.count((20.5, 32.5)) == 2 and peaks.count((36.5, 32.5)) == 1


@given(
    arrays(np.float32, (6, 7), elements=st.floats(0, 1, width=32)),
    st.floats(0.1, 1),
    st.integers(1, 6),
)
def test_regions_hold_their_peaks_and_are_never_too_many(
    grid: np.ndarray, level: float, limit: int
) -> None:
    heat = fine(grid)
    found = regions(heat, level, limit)
    assert len(found) <= limit and bool(found) == bool(heat.max() > 0)
    for region in found:
        left, top, right, bottom = region.box
        assert (
            0 <= left < region.peak[0] < right <= heat.shape[1]
            and 0 <= top < region.peak[1] < bottom <= heat.shape[0]
        )
    assert [r.value for r in found] == sorted((r.value for r in found), reverse=True)


def test_a_region_becomes_a_prompt_in_pixels_of_the_frame() -> None:
    region = Region(np.array([8, 16, 24, 32], np.float32), (12.5, 20.5), 1.0)
    prompt = region.prompt(3, 7, grid=(64, 32), shape=(128, 320))
    assert prompt.box is not None and prompt.points is not None
    assert (prompt.object_id, prompt.position) == (3, 7)
    np.testing.assert_allclose(prompt.box, [80, 32, 240, 64])
    np.testing.assert_allclose(prompt.points, [[125, 41]])


def test_a_summit_without_a_valley_to_a_higher_one_is_no_part() -> None:
    heat = bump((64, 96), (32, 20, 1.0), (32, 31, 0.9), (32, 52, 0.8))
    peaks = [region.peak for region in regions(heat, level=0.05, limit=9)]
    assert peaks.count((20.5, 32.5)) == 2 and peaks.count((52.5, 32.5)) == 1
    assert (31.5, 32.5) not in peaks

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn import functional

from trawl.models.sam2.guided import Guide

GRID = (7, 6)
pictures = arrays(np.uint8, (9, 11, 3))
any_logits = arrays(np.float32, (2, 1, *GRID), elements=st.floats(-8, 8, width=32))


def guide(picture, size, logits):
    return Guide(
        torch.from_numpy(picture).permute(2, 0, 1)[None], size, (logits.shape[2], logits.shape[3])
    )


def filtered(picture, size, logits):
    return guide(picture, size, logits).filter(torch.from_numpy(logits)).numpy()


def enlarged(picture, size, logits):
    return guide(picture, size, logits).enlarge(torch.from_numpy(logits)).numpy()


def filtered_as_the_paper_says(
    colors: np.ndarray, mask: np.ndarray, radius: int, epsilon: float
) -> np.ndarray:
    """Equations 14 to 16 of He, Sun and Tang, window by window: colors (h, w, 3) and mask (h, w),
    both 0-1, -> (h, w).
    """
    height, width = mask.shape
    windows = [
        [
            (slice(max(y - radius, 0), y + radius + 1), slice(max(x - radius, 0), x + radius + 1))
            for x in range(width)
        ]
        for y in range(height)
    ]
    lines = np.empty((height, width, 4))
    for y in range(height):
        for x in range(width):
            inside, likely = colors[windows[y][x]].reshape(-1, 3), mask[windows[y][x]].ravel()
            mean = inside.mean(axis=0)
            covariance = inside.T @ inside / len(inside) - np.outer(mean, mean)
            slope = np.linalg.solve(
                covariance + epsilon * np.eye(3),
                (inside.T @ likely) / len(inside) - mean * likely.mean(),
            )
            lines[y, x] = (*slope, likely.mean() - slope @ mean)
    out = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            line = lines[windows[y][x]].reshape(-1, 4).mean(axis=0)
            out[y, x] = line[:3] @ colors[y, x] + line[3]
    return out


@pytest.mark.parametrize("seed", range(3))
def test_is_the_guided_filter_where_nothing_is_enlarged(seed: int) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (12, 10, 3), np.uint8)
    logits = rng.normal(0, 3, (1, 1, 12, 10)).astype(np.float32)
    expected = filtered_as_the_paper_says(
        picture / 255, 1 / (1 + np.exp(-logits[0, 0].astype(float))), 2, 1e-3
    )
    assert expected.std() > 0.1
    np.testing.assert_allclose(filtered(picture, (12, 10), logits)[0], expected, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(pictures, any_logits, st.tuples(st.integers(4, 24), st.integers(4, 24)))
def test_objects_do_not_see_each_other(picture, logits, size):
    together = filtered(picture, size, logits)
    assert together.shape == (2, *size)
    np.testing.assert_allclose(together[:1], filtered(picture, size, logits[:1]), atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(pictures, st.sampled_from([-6.0, 6.0]))
def test_what_is_all_there_or_not_at_all_stays_so(picture, level):
    logits = np.full((1, 1, *GRID), level, np.float32)
    assert (enlarged(picture, (20, 24), logits) == (level > 0)).all()


def test_without_edges_it_is_a_smooth_enlargement() -> None:
    rng = np.random.default_rng(0)
    logits = cv2.GaussianBlur(rng.normal(0, 20, (16, 16)).astype(np.float32), (0, 0), 3)[None, None]
    plain = (
        functional.interpolate(torch.from_numpy(logits), (64, 64), mode="bilinear")[0, 0].numpy()
        > 0
    )
    found = enlarged(np.full((64, 64, 3), 90, np.uint8), (64, 64), logits)[0]
    assert 0.2 < plain.mean() < 0.8 and (found == plain).mean() > 0.9


@pytest.mark.parametrize("shown", [(160, 160), (80, 80)], ids=["own size", "half size"])
def test_follows_the_pictures_edges(shown: tuple[int, int]) -> None:
    truth = np.zeros((160, 160), np.uint8)
    angles = np.deg2rad(np.arange(10) * 36 - 90)
    star = 80 + np.where(np.arange(10) % 2, 22, 56)[:, None] * np.stack(
        [np.cos(angles), np.sin(angles)], axis=1
    )
    cv2.fillPoly(truth, [star.round().astype(np.int32)], 1)
    rng = np.random.default_rng(0)
    picture = np.where(truth[..., None] > 0, (190, 60, 50), (70, 110, 120)) + rng.normal(
        0, 8, (160, 160, 3)
    )
    picture = cv2.resize(picture.clip(0, 255).astype(np.uint8), shown, interpolation=cv2.INTER_AREA)
    share = cv2.resize(truth.astype(np.float32), (16, 16), interpolation=cv2.INTER_AREA)[None, None]
    logits = 8 * share - 4

    def iou(found: np.ndarray) -> float:
        return float((found & (truth > 0)).sum() / (found | (truth > 0)).sum())

    plain = (
        functional.interpolate(torch.from_numpy(logits), (160, 160), mode="bilinear")[0, 0].numpy()
        > 0
    )
    assert iou(plain) < 0.9
    assert iou(enlarged(picture, (160, 160), logits)[0]) > (0.97 if shown == (160, 160) else 0.95)

"""The fake follows flat colours, and is a tracker like any other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trawl.models.fakes.tracker import FakeTracker
from trawl.models.protocols import Session, Tracker
from trawl.records.tracking import Prompt

RED, BLUE, GRAY = (230, 30, 30), (30, 60, 230), (90, 90, 90)
HEIGHT, WIDTH, T = 40, 64, 8


def draw(*things: tuple[int, tuple[int, int, int], int, int], length: int = T) -> np.ndarray:
    """Squares (side, colour, x at frame 0, pixels to the right a frame), all at y = 10, over gray."""
    frames = np.full((length, HEIGHT, WIDTH, 3), GRAY, np.uint8)
    for t in range(length):
        for side, color, x, step in things:
            frames[t, 10 : 10 + side, max(x + step * t, 0) : max(x + step * t + side, 0)] = color
    return frames


def box(object_id: int, position: int, left: int, side: int) -> Prompt:
    return Prompt(object_id, position, box=np.array([left, 10, left + side, 10 + side], np.float32))


def test_it_is_a_tracker() -> None:
    tracker = FakeTracker()
    assert isinstance(tracker, Tracker) and isinstance(tracker.open(draw()), Session)


def kinds_of_prompt() -> list[Prompt]:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[12:15, 7:10] = True
    point = np.array([[8, 13]], np.float32)
    return [
        box(0, 0, 5, 8),
        Prompt(0, 0, points=point, labels=np.array([1])),
        Prompt(0, 0, mask=mask),
        Prompt(0, 0, box=np.array([0, 0, 64, 40], np.float32), points=point, labels=np.array([1])),
    ]


@pytest.mark.parametrize("prompt", kinds_of_prompt(), ids=["box", "point", "mask", "box and point"])
def test_any_prompt_finds_the_region_under_it(prompt: Prompt) -> None:
    frames = draw((8, RED, 5, 2), (8, BLUE, 40, 0))
    masks, scores = FakeTracker().open(frames).segment([prompt])
    assert np.array_equal(masks[0], (frames[0] == RED).all(-1)) and scores.tolist() == [1.0]


@given(steps=st.lists(st.integers(-3, 3), min_size=1, max_size=10), x=st.integers(15, 40))
def test_follows_a_square_wherever_it_goes(steps: list[int], x: int) -> None:
    places = x + np.concatenate([[0], np.cumsum(steps)])
    frames = np.full((len(places), HEIGHT, 100, 3), GRAY, np.uint8)
    for frame, left in zip(frames, places + 20):
        frame[10:16, left : left + 6] = RED
    start = np.array([x + 20, 10, x + 26, 16], np.float32)
    seen = list(FakeTracker().open(frames).propagate([Prompt(0, 0, box=start)]))
    assert all(np.array_equal(f.masks[0], (frames[f.position] == RED).all(-1)) for f in seen)


def test_two_of_one_colour_keep_their_ids() -> None:
    frames = draw((6, RED, 2, 1), (6, RED, 40, -1))
    seen = list(FakeTracker().open(frames).propagate([box(5, 0, 2, 6), box(3, 0, 40, 6)]))
    for frame in seen:
        assert frame.object_ids.tolist() == [5, 3]
        left, right = (np.argwhere(mask)[:, 1].min() for mask in frame.masks)
        assert (left, right) == (2 + frame.position, 40 - frame.position)


def test_what_leaves_is_not_seen_and_found_again_when_it_comes_back() -> None:
    frames = draw((8, RED, 10, 0))
    frames[3:5] = GRAY
    frames[5, :, 10:14] = GRAY  # half hidden
    seen = list(FakeTracker().open(frames).propagate([box(0, 0, 10, 8)]))
    assert [f.masks.any() for f in seen] == [True] * 3 + [False] * 2 + [True] * 3
    assert [float(f.scores[0]) for f in seen] == [1, 1, 1, 0, 0, 0.5, 1, 1]


def test_reverse_and_late_starts() -> None:
    frames = draw((8, RED, 2, 4), (8, BLUE, 50, -2))
    prompts = [box(1, 5, 22, 8), box(2, 3, 44, 8)]
    forward = list(FakeTracker().open(frames).propagate(prompts))
    backward = list(FakeTracker().open(frames).propagate(prompts, reverse=True))
    assert [(f.position, f.object_ids.tolist()) for f in forward] == [
        (3, [2]),
        (4, [2]),
        (5, [1, 2]),
        (6, [1, 2]),
        (7, [1, 2]),
    ]
    assert [f.position for f in backward] == [5, 4, 3, 2, 1, 0]
    assert [f.object_ids.tolist() for f in backward] == [[1]] * 2 + [[1, 2]] * 4
    assert np.array_equal(backward[-1].masks[0], (frames[0] == RED).all(-1))


def test_a_second_prompt_moves_the_object() -> None:
    frames = draw((8, RED, 5, 0), (8, BLUE, 40, 0))
    seen = list(FakeTracker().open(frames).propagate([box(0, 0, 5, 8), box(0, 4, 40, 8)]))
    assert [bool(f.masks[0, 12, 42]) for f in seen] == [False] * 4 + [True] * 4


def test_masks_and_prompts_are_of_the_sessions_size() -> None:
    frames = draw((8, RED, 4, 2))
    session = FakeTracker().open(frames, (2 * HEIGHT, 2 * WIDTH))
    masks, _ = session.segment([Prompt(0, 0, box=np.array([8, 20, 24, 36], np.float32))])
    assert masks.shape == (1, 2 * HEIGHT, 2 * WIDTH)
    assert np.array_equal(masks[0, ::2, ::2], (frames[0] == RED).all(-1))


def test_survives_compression() -> None:
    rng = np.random.default_rng(0)
    frames = draw((12, RED, 5, 2))
    noisy = np.clip(frames.astype(int) + rng.integers(-15, 16, frames.shape), 0, 255).astype(
        np.uint8
    )
    seen = list(FakeTracker().open(noisy).propagate([box(0, 0, 5, 12)]))
    assert all(np.array_equal(f.masks[0], (frames[f.position] == RED).all(-1)) for f in seen)


def test_nothing_to_follow() -> None:
    session = FakeTracker().open(draw())
    assert list(session.propagate([])) == []
    masks, scores = session.segment([])
    assert masks.shape == (0, HEIGHT, WIDTH) and scores.shape == (0,)
    empty = Prompt(0, 0, mask=np.zeros((HEIGHT, WIDTH), bool))
    assert [f.masks.any() for f in session.propagate([empty])] == [False] * T

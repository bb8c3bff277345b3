"""What sessions ask of frames and prompts, and the order in which they visit frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trawl.models.session import check_frames, spans
from trawl.records.tracking import Prompt

BOX = np.array([0, 0, 4, 4], np.float32)


@pytest.mark.parametrize(
    ("shape", "dtype", "size"),
    [
        ((0, 8, 8, 3), np.uint8, None),
        ((2, 8, 8, 3), np.float32, None),
        ((2, 8, 8), np.uint8, None),
        ((2, 8, 8, 4), np.uint8, None),
        ((2, 8, 8, 3), np.uint8, (0, 5)),
    ],
)
def test_no_session_over_what_are_no_frames(
    shape: tuple[int, ...], dtype: type, size: tuple[int, int] | None
) -> None:
    with pytest.raises(ValueError):
        check_frames(np.zeros(shape, dtype), size)


def test_the_frames_size_unless_another_is_given() -> None:
    frames = np.zeros((1, 4, 6, 3), np.uint8)
    assert check_frames(frames, None) == (4, 6)
    assert check_frames(frames, (40, 60)) == (40, 60)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1), st.booleans())
def test_each_object_is_followed_from_its_own_first_prompt(
    asked: list[tuple[int, int]], reverse: bool
) -> None:
    found = spans([Prompt(i, position, box=BOX) for i, position in asked], reverse)
    order = list(found.positions(10))
    assert order == sorted(order, reverse=reverse) and order[-1] == (0 if reverse else 9)
    for object_id in {i for i, _ in asked}:
        mine = [position for i, position in asked if i == object_id]
        visited = [position for position in order if object_id in found.begun(position)]
        assert visited[0] == (max(mine) if reverse else min(mine))
        assert visited == order[order.index(visited[0]) :]
    assert found.begun(order[-1]) == list(dict.fromkeys(i for i, _ in asked))

"""Times of frames whose files name them by number alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trawl.evaluate.truth.indexed import IndexedVideo, IndexedVideos

FACTS = IndexedVideo(25.0, 1000, 40.0, 640, 360)


def known(frames: list[int], times: list[float]) -> IndexedVideos:
    return IndexedVideos(
        {"a": FACTS}, lambda _: (np.array(frames, np.int64), np.array(times, np.float64))
    )


def test_without_the_index_the_rate_says() -> None:
    assert IndexedVideos({"a": FACTS}).times("a", np.array([0, 25, 50])).tolist() == [0.0, 1.0, 2.0]


def test_start_offset_and_uneven_rate_come_from_the_index() -> None:
    """A video that begins at 5 s, at 25 a second until frame 50 and at 12.5 until frame 75."""
    times = known([0, 50, 75], [5.0, 7.0, 9.0]).times("a", np.array([0, 25, 50, 60, 75, 100]))
    assert np.allclose(times, [5.0, 6.0, 7.0, 7.8, 9.0, 10.0])
    assert np.allclose(known([50], [7.0]).times("a", np.array([0, 50, 75])), [5.0, 7.0, 8.0])


@given(
    st.lists(st.integers(0, 999), min_size=1, max_size=20, unique=True),
    st.floats(0, 10),
    st.floats(1, 60),
)
def test_a_constant_rate_is_exact_whatever_the_index_holds(
    held: list[int], start_s: float, fps: float
) -> None:
    facts, frames = IndexedVideo(fps, 1000, 1000 / fps, 640, 360), np.array(sorted(held), np.int64)
    index = IndexedVideos({"a": facts}, lambda _: (frames, start_s + frames / fps))
    every = np.arange(1000)
    assert np.allclose(index.times("a", every), start_s + every / fps, rtol=0, atol=1e-9)

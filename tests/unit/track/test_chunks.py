"""Every frame comes, in order, in chunks that overlap as set, with no more in memory than one of
them.
"""

import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trawl.config.steps import TrackingConfig
from trawl.records.tracking import ClipFrames
from trawl.track.chunks import halves, overlapping


def clip(sizes, gaps=None, shape=(2, 3)):
    """Batches of these sizes; a frame's pixels hold its number."""
    start, time_s = 50, 5.0
    for size in sizes:
        index = np.arange(start, start + size)
        steps = np.resize(gaps or [0.1], size)
        times = time_s + np.cumsum(steps) - steps[0] if size else np.zeros(0)
        pictures = np.broadcast_to(
            (index % 251).astype(np.uint8)[:, None, None, None], (size, *shape, 3)
        ).copy()
        yield ClipFrames(pictures, index, times)
        start, time_s = start + size, float(times[-1]) + steps[0] if size else time_s


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 40), max_size=8),
    overlap=st.integers(1, 6),
    chunk_s=st.floats(0.05, 20),
    chunk_frames=st.integers(2, 60),
    pixels=st.integers(1, 400),
    gaps=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=5),
)
def test_chunks_cover_overlap_and_keep_order(sizes, overlap, chunk_s, chunk_frames, pixels, gaps):
    config = TrackingConfig(
        overlap=overlap, chunk_s=chunk_s, chunk_frames=chunk_frames, chunk_pixels=pixels
    )
    chunks = list(overlapping(clip(sizes, gaps), config))
    total, least = sum(sizes), 2 * overlap + 2
    seen = []
    for n, chunk in enumerate(chunks):
        own = chunk.frame_index.tolist()
        assert own == list(range(own[0], own[-1] + 1))
        assert (chunk.frames[:, 0, 0, 0] == chunk.frame_index % 251).all()
        assert (np.diff(chunk.time_s) > 0).all()
        if n:
            assert own[:overlap] == seen[-overlap:]
            own = own[overlap:]
        assert own
        seen += own
        assert len(chunk) <= max(min(chunk_frames, pixels // 6), least)
        assert len(chunk) >= min(least / 2, total)
    assert seen == list(range(50, 50 + total))


def test_the_last_chunk_is_no_stub():
    config = TrackingConfig(overlap=2, chunk_s=100, chunk_frames=40)
    lengths = [len(chunk) for chunk in overlapping(clip([10] * 12 + [1]), config)]
    assert sum(lengths) == 121 + 2 * (len(lengths) - 1)
    assert min(lengths) >= 20 and max(lengths) <= 40


def test_a_chunk_lasts_as_long_as_set():
    config = TrackingConfig(overlap=1, chunk_s=2.0)
    first = next(overlapping(clip([200]), config))
    assert len(first) == 20


def test_one_chunk_is_alive_at_a_time():
    alive, most, batches_alive = set(), 0, []

    def watched():
        for batch in clip([5] * 100):
            alive.add(name := f"batch {batch.frame_index[0]}")
            weakref.finalize(batch.frames, alive.discard, name)
            batches_alive.append(sum(name.startswith("batch") for name in alive))
            yield batch
            del batch

    stream = overlapping(watched(), TrackingConfig(overlap=2, chunk_frames=20, chunk_s=100))
    while (chunk := next(stream, None)) is not None:
        alive.add(name := f"chunk {chunk.frame_index[0]}")
        weakref.finalize(chunk.frames.base, alive.discard, name)
        most = max(most, len(alive))
        del chunk
    assert max(batches_alive) == 1
    assert most <= 2  # the chunk, and the batch that completed it


def test_pictures_of_another_size():
    small, large = next(iter(clip([3]))), next(iter(clip([3], shape=(4, 4))))
    with pytest.raises(ValueError, match=r"\(4, 4, 3\) follow pictures of \(2, 3, 3\)"):
        list(overlapping([small, large], TrackingConfig()))


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 60), st.integers(1, 8))
def test_halves_have_the_overlap_in_common(length, overlap):
    whole = next(iter(clip([length])))
    parts = halves(whole, overlap)
    if len(parts) == 1:
        assert parts[0] is whole and length <= 3 * overlap + 1
        return
    a, b = (part.frame_index.tolist() for part in parts)
    assert a[-overlap:] == b[:overlap]
    assert a + b[overlap:] == whole.frame_index.tolist()
    assert max(len(a), len(b)) < length
    assert np.shares_memory(parts[0].frames, whole.frames)

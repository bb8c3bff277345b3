import itertools

import numpy as np
import pytest
from acted_scenes import batches, embed_crops, moving
from drawn_rows import row
from hypothesis import given, settings
from hypothesis import strategies as st

from trawl.config.steps import TrackingConfig
from trawl.records.tracking import ClipFrames, Target
from trawl.track.looking import cut_out, grounding_positions, on_grid, take_looks
from trawl.track.masklet import Masklet, row_of


def chunk(start, stop):
    index = np.arange(start, stop)
    return ClipFrames(np.zeros((len(index), 2, 2, 3), np.uint8), index, index / 10)


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.floats(0.01, 0.7), min_size=1, max_size=40),
    every_s=st.floats(0.1, 3),
    cuts=st.sets(st.integers(1, 39)),
)
def test_the_grid_does_not_depend_on_where_chunks_begin(gaps, every_s, cuts):
    times = 3 + np.cumsum(gaps)
    whole = on_grid(times, float(times[0]), every_s)
    assert whole[0]
    parts = [0, *sorted(cut for cut in cuts if cut < len(times)), len(times)]
    pieces = [
        on_grid(times[max(a - 1, 0) : b], float(times[0]), every_s)[a > 0 :]
        for a, b in itertools.pairwise(parts)
    ]
    assert np.concatenate(pieces).tolist() == whole.tolist()
    assert np.diff(times[whole]).max(initial=0) <= every_s + max(gaps) + 1e-3


@pytest.mark.parametrize(
    "first, known, is_live, best_s, positions",
    [
        (0, 0, False, [], [0, 20, 39]),
        (0, 0, False, [1.3, 0.0, -5.0, 99.0], [0, 13, 20, 39]),
        (32, 8, True, [], [8, 28, 39]),  # the grid goes on at 4.0 s and 6.0 s
        (35, 4, True, [3.6], [5, 25, 39]),  # the best frame was in the chunk before
        (35, 4, False, [], [4, 5, 25, 39]),
    ],
    ids=["first", "best-frames", "later", "best-before", "nothing-live"],
)
def test_where_to_search(first, known, is_live, best_s, positions):
    targets = [Target("x", 0.5, best) for best in best_s]
    got = grounding_positions(
        chunk(first, first + 40), known, 0.0, targets, is_live, TrackingConfig(reground_s=2.0)
    )
    assert got == positions


def squares_followed(frames):
    clip = next(batches([moving(20, 24), moving(60, 24)], frames, batch=frames))
    found = [Masklet(), Masklet()]
    for who, one in enumerate(found, 1):
        for picture, index in zip(clip.frames, clip.frame_index):
            one.rows[int(index)] = row_of(
                picture[..., 0] == who, int(index), index / 10, index / 1000
            )
    return clip, found


def test_looks_are_taken_on_the_grid_of_what_is_new():
    clip, found = squares_followed(25)
    take_looks(found, clip, 12, 10.0, embed_crops, TrackingConfig(look_every_s=1.0))
    assert [list(one.looks) for one in found] == [[120], [120]]
    assert found[0].looks[120].argmax() == 1 and found[1].looks[120].argmax() == 2


def test_one_look_at_least_on_the_best_row():
    clip, found = squares_followed(8)
    take_looks([*found, Masklet()], clip, 1, 10.0, embed_crops, TrackingConfig(look_every_s=1.0))
    assert [list(one.looks) for one in found] == [[107], [107]]


def test_nothing_to_look_at_asks_for_no_embedding():
    clip, _ = squares_followed(3)
    take_looks([Masklet()], clip, 0, 10.0, lambda crops: pytest.fail("asked"), TrackingConfig())


def test_a_crop_has_a_margin_and_ends_at_the_border():
    frame = np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3).astype(np.uint8)
    assert np.array_equal(cut_out(frame, row(0, 20, 10, 10, 10), 0.2), frame[8:22, 18:32])
    assert np.array_equal(cut_out(frame, row(0, 0, 0, 10, 10), 0.2), frame[:12, :12])

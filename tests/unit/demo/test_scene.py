"""Scenes: the same for the same generator, made of the pairs asked for, and in the picture when
they should be.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trawl.demo import words
from trawl.demo.scene import choose_pairs, sample

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=50, deadline=None)
@given(seeds, st.integers(1, 9))
def test_pairs_differ_and_are_allowed(seed, count):
    pairs = choose_pairs(np.random.default_rng(seed), words.SEEN, count, first=("red", "star"))
    assert len(set(pairs)) == count
    assert pairs[0] == ("red", "star")
    assert set(pairs) <= set(words.SEEN)


def test_look_alikes_are_common_when_asked_for():
    rngs = [np.random.default_rng(seed) for seed in range(200)]
    alike = [
        (a[0] == b[0]) + (a[1] == b[1])
        for a, b in (choose_pairs(rng, words.SEEN, 2, alike=1.0) for rng in rngs)
    ]
    assert set(alike) == {1}  # one word in common, never both


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_same_generator_same_scene(seed):
    one, two = (
        sample(np.random.default_rng(seed), words.SEEN[:4], 30.0, staggered=True) for _ in range(2)
    )
    assert one == two
    assert [(t.color, t.shape) for t in one.things] == list(words.SEEN[:4])


@pytest.mark.parametrize("seed", range(5))
def test_staggered_things_come_and_go_over_the_edge(seed):
    scene = sample(np.random.default_rng(seed), words.SEEN[:5], 50.0, staggered=True)
    assert len(scene.backdrops) >= 2
    for thing in scene.things:
        for time_s in (thing.enter_s, thing.leave_s):
            x, y = thing.place(time_s)
            assert max(abs(x - 0.5), abs(y - 0.5)) > 0.6  # outside the picture at both ends
    busy = [sum(t.present(time_s) for t in scene.things) for time_s in np.arange(0, 50, 0.5)]
    assert max(busy) < 5  # never all at once


def test_backdrop_changes_at_its_cut():
    scene = sample(np.random.default_rng(3), words.SEEN[:3], 50.0, staggered=True)
    cut = scene.backdrops[1].start_s
    assert scene.backdrop_index(0.0) == 0
    assert scene.backdrop_index(cut - 1e-6) == 0
    assert scene.backdrop_index(cut) == 1

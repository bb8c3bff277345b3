import numpy as np
import pytest
from acted_scenes import SquareTracker, batches, moving

from trawl import masks
from trawl.records.tracking import Prompt
from trawl.track.propagate import Propagation

SQUARES = [moving(10 + 20 * n, 24) for n in range(4)]


@pytest.fixture
def chunk():
    return next(batches(SQUARES, 12, batch=12))


def prompts(chunk, *who, position=5):
    return [Prompt(7 + n, position, mask=chunk.frames[position, ..., 0] == n) for n in who]


def test_forward_and_both_ways(chunk):
    propagation = Propagation(SquareTracker().open(chunk.frames), chunk, None)
    ahead = propagation.forward(prompts(chunk, 1, 2))
    assert {key: sorted(rows) for key, rows in ahead.items()} == {8: list(range(105, 112)), 9: list(range(105, 112))}
    both = propagation.both_ways(prompts(chunk, 1))
    assert sorted(both[8]) == list(range(100, 112))
    row = both[8][100]
    assert (row.time_s, row.score) == (10.0, pytest.approx(0.9))
    assert np.array_equal(masks.decode(row.rle, 48, 96), chunk.frames[0, ..., 0] == 1)


@pytest.mark.parametrize("at_once, most", [(None, 4), (3, 3), (1, 1)])
def test_objects_in_turns_give_the_same(chunk, at_once, most):
    whole = Propagation(SquareTracker().open(chunk.frames), chunk, None).both_ways(prompts(chunk, 1, 2, 3, 4))
    propagation = Propagation(SquareTracker(fits=(99, most)).open(chunk.frames), chunk, at_once)
    assert propagation.both_ways(prompts(chunk, 1, 2, 3, 4)) == whole
    assert propagation.most == most


def test_one_that_is_never_seen_has_no_rows(chunk):
    nowhere = Prompt(3, 5, mask=np.zeros((48, 96), bool))
    propagation = Propagation(SquareTracker().open(chunk.frames), chunk, None)
    assert propagation.both_ways([nowhere]) == {3: {}}
    assert propagation.forward([]) == {}

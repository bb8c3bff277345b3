"""One chunk, of what the whole clip's tests cannot see: which prompts go out, and that nothing
known is touched.
"""

from copy import deepcopy

import numpy as np
import pytest
from acted_scenes import SquareGrounder, SquareTracker, batches, embed_crops, moving

from trawl import masks
from trawl.config.steps import TrackingConfig
from trawl.errors import DeviceMemoryError
from trawl.records.tracking import Prompt, Target
from trawl.track.discover import Discovery, Models, Propagation, Search
from trawl.track.masklet import Masklet, row_of

SQUARES = [moving(20, 12), moving(60, 36)]
SEARCH = Search(10.0, (Target("a square", 0.5, 0.0),), ("a square",))


def chunk_of(frames=12):
    return next(batches(SQUARES, frames, batch=frames))


def known(chunk, who, frames, scores):
    rows = {
        100 + n: row_of(chunk.frames[n, ..., 0] == who, 100 + n, (100 + n) / 10, score)
        for n, score in zip(frames, scores, strict=True)
    }
    return Masklet(rows, {0: 0.5})


def discovery(chunk, live, tracker=None, knows=(1, 2), at_once=None, **settings):
    grounder = SquareGrounder({"a square": dict.fromkeys(knows, 0.9)})
    models = Models(grounder, tracker or SquareTracker(), embed_crops)
    return Discovery(chunk, 4, live, SEARCH, models, TrackingConfig(**settings), at_once)


def test_a_live_one_is_prompted_where_it_is_seen_best():
    chunk, asked = chunk_of(), []

    class Spy(SquareTracker):
        def open(self, frames, size=None):
            session = super().open(frames, size)
            propagate = session.propagate
            session.propagate = lambda prompts, reverse=False: (
                asked.append((prompts, reverse)) or propagate(prompts, reverse)
            )
            return session

    outcome = discovery(chunk, {5: known(chunk, 1, [0, 2, 3], [0.5, 0.8, 0.7])}, Spy()).run()
    (prompt,), reverse = asked[0]
    assert (prompt.object_id, prompt.position, reverse) == (5, 2, False)
    assert np.array_equal(prompt.mask, chunk.frames[2, ..., 0] == 1)
    assert [piece.owner for piece in outcome.pieces] == [5, None]
    assert sorted(outcome.pieces[0].found.rows) == [100, 102, 103, *range(104, 112)]
    assert outcome.pieces[0].found.rows[103].score == 0.7  # as the chunk before saw it
    assert sorted(outcome.pieces[1].found.rows) == list(range(100, 112))
    assert [piece.found.named for piece in outcome.pieces] == [{0: pytest.approx(0.9)}] * 2


def test_what_is_known_is_not_touched():
    chunk = chunk_of()
    live = {5: known(chunk, 1, [2, 3], [0.5, 0.8])}
    before = deepcopy(live)
    discovery(chunk, live).run()
    assert live == before


def test_a_failure_says_how_many_objects_one_call_had():
    chunk = chunk_of()
    attempt = discovery(chunk, {}, SquareTracker(fits=(99, 1)))
    with pytest.raises(DeviceMemoryError):
        attempt.run()
    assert attempt.most == 2


def test_a_detection_that_the_tracker_shows_nothing_of_is_counted():
    chunk = chunk_of()
    tracker = SquareTracker(slips={1: (0, 200)})  # it looks for a square that is nowhere
    outcome = discovery(chunk, {}, tracker).run()
    assert outcome.invisible >= 1
    assert len(outcome.pieces) == 1


def test_a_part_of_what_is_followed_starts_nothing():
    chunk = chunk_of()

    class Parts(SquareGrounder):
        def detect(self, session, frames, positions, phrases):
            found = super().detect(session, frames, positions, phrases)
            for one in found:
                one.masks[:, 36:] = False  # the upper half of the second square
                one.masks[:, :, 60:] = False  # and of that the left
            return found

    models = Models(Parts({"a square": {2: 0.9}}), SquareTracker(), None)
    live = {5: known(chunk, 2, [2, 3], [0.5, 0.8])}
    # The tracker here follows the whole square: with same_iou beyond reach that is not taken for a
    # duplicate.
    outcome = Discovery(chunk, 4, live, SEARCH, models, TrackingConfig(same_iou=1.1), None).run()
    assert [piece.owner for piece in outcome.pieces] == [5]
    outcome = Discovery(
        chunk, 4, live, SEARCH, models, TrackingConfig(new_inside=1.0, same_iou=1.1), None
    ).run()
    assert [piece.owner for piece in outcome.pieces] == [5, *[None] * outcome.looked_at]


def test_all_frames_are_searched_in_one_call():
    chunk = chunk_of()
    grounder = SquareGrounder({"a square": {1: 0.9}})
    attempt = Discovery(
        chunk,
        0,
        {},
        SEARCH,
        Models(grounder, SquareTracker(), None),
        TrackingConfig(reground_s=0.4),
        None,
    )
    outcome = attempt.run()
    assert grounder.asked == [[0, 4, 8, 11]] and outcome.looked_at == 4
    assert outcome.pieces[0].found.looks == {}


SQUARES_for_propagate = [moving(10 + 20 * n, 24) for n in range(4)]


@pytest.fixture
def chunk():
    return next(batches(SQUARES_for_propagate, 12, batch=12))


def prompts(chunk, *who, position=5):
    return [Prompt(7 + n, position, mask=chunk.frames[position, ..., 0] == n) for n in who]


def test_forward_and_both_ways(chunk):
    propagation = Propagation(SquareTracker().open(chunk.frames), chunk, None)
    ahead = propagation.forward(prompts(chunk, 1, 2))
    assert {key: sorted(rows) for key, rows in ahead.items()} == {
        8: list(range(105, 112)),
        9: list(range(105, 112)),
    }
    both = propagation.both_ways(prompts(chunk, 1))
    assert sorted(both[8]) == list(range(100, 112))
    row = both[8][100]
    assert (row.time_s, row.score) == (10.0, pytest.approx(0.9))
    assert np.array_equal(masks.decode(row.rle, 48, 96), chunk.frames[0, ..., 0] == 1)


@pytest.mark.parametrize("at_once, most", [(None, 4), (3, 3), (1, 1)])
def test_objects_in_turns_give_the_same(chunk, at_once, most):
    whole = Propagation(SquareTracker().open(chunk.frames), chunk, None).both_ways(
        prompts(chunk, 1, 2, 3, 4)
    )
    propagation = Propagation(SquareTracker(fits=(99, most)).open(chunk.frames), chunk, at_once)
    assert propagation.both_ways(prompts(chunk, 1, 2, 3, 4)) == whole
    assert propagation.most == most


def test_one_that_is_never_seen_has_no_rows(chunk):
    nowhere = Prompt(3, 5, mask=np.zeros((48, 96), bool))
    propagation = Propagation(SquareTracker().open(chunk.frames), chunk, None)
    assert propagation.both_ways([nowhere]) == {3: {}}
    assert propagation.forward([]) == {}

"""What TrackEval is fed: every detection once, but for those of what does not count."""

import numpy as np
from beside_truth import STAR, moving, paired, square, track, truth

from trawl.evaluate.clip import ClipQuery
from trawl.evaluate.tracking.sequence import sequence

LEFT, RIGHT = {n: square(5) for n in range(10)}, {n: square(50) for n in range(10)}


def data(objects, tracks, wanted, ignored=()):
    (text,) = paired(objects, tracks, queries=[ClipQuery(STAR, wanted, ignored)]).texts
    return sequence(text.overlap, text.num_targets)


def test_every_detection_is_there() -> None:
    result = data(
        [truth(1, moving(6)), truth(2, RIGHT)],
        [track("c1-0", moving(8)), track("c1-1", {3: square(50)})],
        (1, 2),
    )
    assert (result["num_gt_dets"], result["num_tracker_dets"]) == (16, 9)
    assert (result["num_gt_ids"], result["num_tracker_ids"], result["num_timesteps"]) == (2, 2, 10)
    assert [ids.tolist() for ids in result["gt_ids"]] == [[0, 1]] * 6 + [[1]] * 4
    assert [s.shape for s in result["similarity_scores"]] == [
        (len(a), len(b)) for a, b in zip(result["gt_ids"], result["tracker_ids"])
    ]
    assert np.diag(result["similarity_scores"][3]).tolist() == [1, 1]


def test_what_does_not_count_goes_with_what_follows_it() -> None:
    result = data(
        [truth(1, LEFT), truth(2, RIGHT)], [track("c1-0", LEFT), track("c1-1", RIGHT)], (1,), (2,)
    )
    assert (result["num_gt_dets"], result["num_tracker_dets"]) == (10, 10)
    assert (result["num_gt_ids"], result["num_tracker_ids"]) == (1, 1)


def test_a_second_track_of_what_does_not_count_is_wrong() -> None:
    """As MOTChallenge: one detection a frame is forgiven."""
    result = data(
        [truth(1, LEFT), truth(2, RIGHT)],
        [track("c1-0", RIGHT), track("c1-1", RIGHT, 0.4)],
        (1,),
        (2,),
    )
    assert result["num_tracker_dets"] == 10


def test_a_track_that_goes_from_one_to_the_other_loses_that_part_only() -> None:
    wanders = {n: square(5) if n < 4 else square(50) for n in range(10)}
    result = data([truth(1, LEFT), truth(2, RIGHT)], [track("c1-0", wanders)], (1,), (2,))
    assert result["num_tracker_dets"] == 4
    assert [len(ids) for ids in result["tracker_ids"]] == [1] * 4 + [0] * 6


def test_nothing_followed() -> None:
    result = data([truth(1, LEFT)], [], (1,))
    assert (result["num_tracker_ids"], result["num_tracker_dets"], result["num_gt_dets"]) == (
        0,
        0,
        10,
    )

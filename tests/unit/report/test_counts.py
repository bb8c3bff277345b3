"""A run's sums."""

import pytest
from looks import track

from trawl.report.counts import count
from trawl.runtime.run_file import SavedRun

TRACKS = [
    track(0, flags=("speed", "border"), mean_score=0.5),
    track(1, flags=("border",)),
    track(0, "bbbbbbbbbbbb", num_inferred=0),
]


def test_sums_of_the_tracks() -> None:
    sums = count(TRACKS, 5, SavedRun())
    assert (sums.clips, sums.empty_clips, sums.videos, sums.tracks) == (5, 3, 2, 3)
    assert (sums.masks, sums.inferred, sums.doubtful) == (210, 20, 1)
    assert sums.flags == (("border", 2), ("speed", 1))


def test_what_run_json_says() -> None:
    record = {
        "failures": {"corrupt": 1, "decoder_timeout": 2},
        "failed_clips": {
            "x": "corrupt: a.mp4: broken",
            "y": "decoder_timeout: b",
            "z": "decoder_timeout: c",
        },
        "seconds": {"search": 0.5, "track": 9},
        "wall_s": 10.5,
        "best_retrieval": None,
        "best_grounding": 0.25,
    }
    sums = count([], 0, SavedRun.of(record))
    assert sums.failures == (("decoder_timeout", 2, ("b", "c")), ("corrupt", 1, ("a.mp4: broken",)))
    assert sums.failed == 3 and sums.seconds == (("track", 9), ("search", 0.5))
    assert (sums.wall_s, sums.best_retrieval, sums.best_grounding) == (10.5, None, 0.25)


@pytest.mark.parametrize("record", [{}, {"failures": None, "wall_s": None}], ids=["none", "nulls"])
def test_a_run_that_says_little_is_counted_all_the_same(record: dict) -> None:
    sums = count(TRACKS, 2, SavedRun.of(record))
    assert sums.tracks == 3 and sums.failed == 0 and sums.wall_s is None and sums.seconds == ()

"""What clips cost adds up to what the run cost."""

import json
from collections import Counter

import pytest

from trawl.records.tracking import Clip
from trawl.track.record import TrackRecord
from trawl.track.task import ClipDone

CLIP = Clip("c1", "a.mp4", "/a.mp4", "print", 0.0, 4.0, ())


def done(**changed: object) -> ClipDone:
    facts = {
        "frames": 10,
        "tracks": 1,
        "masks": 8,
        "rows": 10,
        "bytes_written": 500,
        "video_s": 2.5,
        "flags": Counter(),
    }
    facts |= {"best_score": 0.5, "damage": "", "gpu_s": 0.25, "decoder_mb": 80.0}
    facts |= {"cpu_s": {"decode": 0.1, "track": 1.0}, "wall_s": {"track": 2.0, "other": 0.5}}
    return ClipDone(**facts | changed)


def test_costs_of_clips_add_up() -> None:
    run = TrackRecord("r", {})
    run.count(CLIP, done())
    run.count(CLIP, done(decoder_mb=60.0, wall_s={"ground": 1.0}))
    run.count(CLIP, None)
    run.count_memory([(900.0, None), (1100.0, 2000.0)])
    written = json.loads(run.to_json())
    assert written["counts"] == {
        "frames": 20,
        "tracks": 2,
        "masks": 16,
        "rows": 20,
        "bytes_written": 1000,
    }
    assert (written["video_s"], written["gpu_s"]) == (5.0, 0.5)
    assert written["cpu_s"] == {"decode": pytest.approx(0.2), "track": 2.0}
    assert written["actor_s"] == {"track": 2.0, "other": 0.5, "ground": 1.0}
    assert written["peak_mb"] == {"decoder": 80.0, "track_actor": 1100.0, "gpu": 2000.0}


def test_without_a_gpu_there_is_no_memory_of_one() -> None:
    run = TrackRecord("r", {})
    run.count_memory([(900.0, None)])
    run.count_memory([])
    assert run.peak_mb == {"track_actor": 0.0}

"""What a run cost, worked out by hand from a run.json; what it does not say is null with a reason."""

import json
from collections import Counter
from typing import Any

import pytest

from trawl.evaluate import cost
from trawl.evaluate.measured import Measured
from trawl.index.record import RunRecord
from trawl.records.truth import Metric
from trawl.runtime.run_file import SavedRun
from trawl.track.record import TrackRecord

TRACK: dict[str, Any] = {
    "counts": {"frames": 200, "tracks": 4, "masks": 350, "rows": 400, "bytes_written": 40_000},
    "clips": {"planned": 2, "finished_before": 0, "done": 2},
    "texts": ["a red star", "a heart"],
    "cpu_s": {"decode": 1.0, "track": 6.0, "ground": 2.0, "other": 1.0},
    "actor_s": {"track": 8.0, "ground": 3.0, "other": 1.0},
    "seconds": {"search": 0.5, "start_up": 20.0, "work": 8.0},
    "video_s": 10.0,
    "gpus": 0.0,
    "gpu_s": 0.0,
    "peak_mb": {"track_actor": 900.0, "decoder": 100.0},
}
INDEX: dict[str, Any] = {
    "frames": {"embedded": 600, "decoded": 700},
    "cpu_s": {"decode": 10.0, "embed": 30.0},
    "seconds": {"work": 25.0},
    "video_s": 300.0,
    "gpus": 2.0,
    "peak_mb": {"decode_actor": 150.0, "decoder": 120.0, "embed_actor": 800.0, "driver": 300.0},
}


def measured(track: Any, index: Any, indexed_s: float | None = None) -> Measured:
    return cost.measured(
        SavedRun.of(track), None if index is None else SavedRun.of(index), indexed_s
    )


def by_name(metrics: list[Metric]) -> dict[tuple[str, str], Metric]:
    result = {(metric.name, metric.slice): metric for metric in metrics}
    assert len(result) == len(metrics), "a metric twice"
    assert {metric.family for metric in metrics} == {"cost"}
    return result


@pytest.mark.parametrize(
    ("name", "slice_", "value"),
    [
        ("latency_ms_per_frame", "all", 60.0),
        ("cpu_ms_per_frame", "all", 50.0),
        ("object_frames_per_s", "all", 50.0),
        ("object_frames_per_cpu_s", "all", 40.0),
        ("wall_s_per_video_hour", "all", 2880.0),
        ("cpu_s_per_video_hour", "all", 3600.0),
        ("cpu_s_per_video_hour", "part=track", 2160.0),
        ("bytes_per_object_frame", "all", 100.0),
        ("bytes_per_video_hour", "all", 14_400_000.0),
        ("query_latency_ms", "all", 250.0),
        ("peak_mb", "all", 1000.0),
        ("peak_mb", "process=track_actor", 900.0),
        ("index_frames_per_s", "all", 24.0),
        ("index_frames_per_cpu_s", "all", 15.0),
        ("index_wall_s_per_video_hour", "all", 300.0),
        ("index_cpu_s_per_video_hour", "all", 480.0),
        ("index_cpu_s_per_video_hour", "part=embed", 360.0),
        ("index_gpu_s_per_video_hour", "all", 600.0),
        ("index_peak_mb", "all", 270.0),
        ("index_peak_mb", "process=embed_actor", 800.0),
    ],
)
def test_by_hand(name: str, slice_: str, value: float) -> None:
    assert by_name(measured(TRACK, INDEX).metrics)[name, slice_].value == pytest.approx(value)


def test_more_is_better_only_of_speeds() -> None:
    higher = {metric.name for metric in measured(TRACK, INDEX).metrics if metric.better == "higher"}
    speeds = {
        "object_frames_per_s",
        "object_frames_per_cpu_s",
        "index_frames_per_s",
        "index_frames_per_cpu_s",
    }
    assert higher == speeds | {"gpu_busy_share"}


def test_gpus_that_are_held_cost_whether_they_work_or_not() -> None:
    result = by_name(measured(TRACK | {"gpus": 0.5, "gpu_s": 3.0}, None).metrics)
    assert result["gpu_s_per_video_hour", "all"].value == pytest.approx(0.5 * 8 * 360)
    assert result["gpu_busy_share", "all"].value == pytest.approx(0.75)


def test_what_was_reused_costs_what_it_took_and_stops_the_clock() -> None:
    reused = TRACK | {
        "cpu_s": {"decode": 1.0, "other": 1.0},
        "saved_cpu_s": {"track": 6.0, "ground": 2.0},
    }
    result = by_name(measured(reused, None).metrics)
    plain = by_name(measured(TRACK, None).metrics)
    for name, slice_ in plain:
        if "cpu" in name and name != "cpu_saved_share":
            assert result[name, slice_] == plain[name, slice_]
    assert (plain["cpu_saved_share", "all"].value, result["cpu_saved_share", "all"].value) == (
        0,
        pytest.approx(0.8),
    )
    for name in (
        "latency_ms_per_frame",
        "object_frames_per_s",
        "wall_s_per_video_hour",
        "gpu_s_per_video_hour",
    ):
        assert result[name, "all"].value is None and "reuse=false" in result[name, "all"].why
        assert result[name, "all"].unit == plain[name, "all"].unit


def nothing(**changed: Any) -> dict[str, Any]:
    """A run that found no clip."""
    spent = {
        "counts": {},
        "cpu_s": {},
        "actor_s": {},
        "video_s": 0.0,
        "peak_mb": {},
        "seconds": {"search": 0.1},
    }
    return TRACK | spent | changed


@pytest.mark.parametrize(
    ("track", "index", "name", "why"),
    [
        (TRACK, None, "gpu_s_per_video_hour", "no GPU was used"),
        (TRACK, None, "gpu_busy_share", "no GPU was used"),
        (TRACK, None, "index_cpu_s_per_video_hour", "no run.json of the index"),
        (nothing(), None, "latency_ms_per_frame", "this run had no frame"),
        (nothing(), None, "cpu_s_per_video_hour", "this run had no video"),
        (nothing(), None, "peak_mb", "no peak of the track actor"),
        (TRACK | {"texts": []}, None, "query_latency_ms", "this run had no text"),
        (
            TRACK | {"clips": {"finished_before": 1}},
            None,
            "query_latency_ms",
            "an earlier run, which had searched",
        ),
        (TRACK, INDEX | {"video_s": 0.0}, "index_cpu_s_per_video_hour", "older version"),
    ],
)
def test_what_cannot_be_said_is_null_and_says_why(
    track: Any, index: Any, name: str, why: str
) -> None:
    metric = by_name(measured(track, index).metrics)[name, "all"]
    assert metric.value is None and why in metric.why


def test_runs_of_earlier_versions_are_read_as_far_as_they_go() -> None:
    old = {
        name: value
        for name, value in TRACK.items()
        if name not in ("actor_s", "video_s", "gpus", "gpu_s")
    }
    old |= {"counts": {"frames": 200, "tracks": 4, "masks": 350}, "peak_mb": {"track_actor": 900.0}}
    result = by_name(
        measured(
            old, {k: v for k, v in INDEX.items() if k not in ("video_s", "gpus")}, 150.0
        ).metrics
    )
    assert result["cpu_ms_per_frame", "all"].value == pytest.approx(50)
    for name in (
        "latency_ms_per_frame",
        "object_frames_per_s",
        "cpu_s_per_video_hour",
        "gpu_busy_share",
    ):
        assert "older version" in result[name, "all"].why
    assert result["index_cpu_s_per_video_hour", "all"].value == pytest.approx(960)
    assert result["peak_mb", "process=track_actor"].value == 900


def test_the_records_of_both_jobs_are_what_is_read() -> None:
    """A field that is renamed there is missed here."""
    track = TrackRecord(
        "r",
        {},
        ["a star"],
        counts=Counter(frames=10, rows=5, bytes_written=50),
        cpu_s={"track": 2.0},
    )
    track.actor_s, track.video_s, track.peak_mb = (
        {"track": 3.0},
        1.0,
        {"track_actor": 9.0, "decoder": 1.0},
    )
    index = RunRecord({}, frames=Counter(embedded=10))
    index.video_s, index.cpu_s, index.peak_mb = (
        2.0,
        {"decode": 1.0},
        {"decode_actor": 5.0, "decoder": 1.0},
    )
    for record in (track, index):
        with record.clock.step("work"):
            pass
    with track.clock.step("search"):
        pass
    result = measured(json.loads(track.to_json()), json.loads(index.to_json())).metrics
    assert {metric.why for metric in result if metric.value is None} == {"no GPU was used"}


def test_the_index_s_run_is_the_one_that_embedded_most() -> None:
    assert cost.index_record([], "r1") is None
    contents = [
        {"recipe": "r2", "frames": {"embedded": 500}},
        {"recipe": "r1", "frames": {}},
        {"recipe": "r1", "frames": {"embedded": 5}},
        {"recipe": "r1", "frames": {"embedded": 90}},
        *({"recipe": "r1", "frames": {"embedded": 6}} for _ in range(18)),
        {"recipe": "r1", "frames": {"embedded": 1000}},
    ]
    runs = list(map(SavedRun.of, contents))
    assert cost.index_record(runs, "r1") == runs[3], "of the latest 20"

"""What events make of metrics; Ray's own endpoint is read in
tests/pipelines/test_gauges_scraped.py.
"""

import logging
from collections import defaultdict
from typing import Any

import pytest

from trawl.runtime import gauges
from trawl.runtime.gauges import METRICS, Gauges, readings

log = logging.getLogger("trawl.tests.gauges")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[tuple[float, dict[str, str]]]]:
    """What reaches Ray, by metric."""
    calls: dict[str, list[Any]] = defaultdict(list)
    monkeypatch.setattr(
        gauges, "_metric", lambda name: lambda value, tags: calls[name].append((value, tags))
    )
    monkeypatch.setattr(gauges.ray, "is_initialized", lambda: True)
    return calls


@pytest.fixture
def listener() -> Gauges:
    return Gauges("cams", "index")


def tell(listener: Gauges, event: str, **fields: Any) -> None:
    listener.emit(
        log.makeRecord(log.name, logging.INFO, "", 0, event, (), None, extra={"fields": fields})
    )


OWN = {"dataset": "cams", "job": "index"}


def test_the_lag_falls_with_every_indexed_video(
    listener: Gauges, told: dict[str, list[Any]]
) -> None:
    tell(
        listener,
        "planned",
        new=2,
        changed=1,
        retry=0,
        failed=3,
        quarantined=1,
        unchanged=50,
        removed=4,
    )
    tell(listener, "video indexed", video_id="a", size_bytes=5)
    tell(
        listener,
        "video failed",
        video_id="b",
        size_bytes=7,
        reason="truncated",
        message="",
        attempts=1,
    )
    assert [value for value, _ in told["trawl_lag_videos"]] == [7, 6]
    assert told["trawl_videos"] == [
        (1, OWN | {"outcome": "indexed"}),
        (1, OWN | {"outcome": "failed"}),
    ]
    assert told["trawl_failures"] == [(1, OWN | {"reason": "truncated"})]
    assert [value for value, _ in told["trawl_bytes_read"]] == [5, 7]


def test_what_is_told_before_ray_is_up_is_told_then(
    listener: Gauges, told: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(gauges.ray, "is_initialized", lambda: False)
        tell(listener, "planned", new=9)
        for _ in range(3):
            tell(listener, "video indexed", video_id="a", size_bytes=0)
    assert not told
    tell(listener, "published", number=4)
    assert told["trawl_lag_videos"] == [(6, OWN)]
    assert told["trawl_videos"] == [(3, OWN | {"outcome": "indexed"})]
    assert "trawl_bytes_read" not in told  # Ray refuses to add nothing
    tell(listener, "published", number=5)
    assert told["trawl_videos"] == [(3, OWN | {"outcome": "indexed"})]


def test_no_video_is_named_in_a_tag() -> None:
    fields = defaultdict(
        lambda: 1, video_id="a.mp4", reason="truncated", query="red", actor="DecodeActor"
    )
    events = (
        "video indexed",
        "video failed",
        "unit embedded",
        "committed",
        "actor replaced",
        "published",
    )
    found = [
        reading
        for event in (*events, "standing query ended")
        for reading in readings(event, fields)
    ]
    assert {reading.name for reading in found} == METRICS.keys() - {"trawl_lag_videos"}
    assert all(tuple(reading.tags) == METRICS[reading.name][1] for reading in found)
    assert "a.mp4" not in {value for reading in found for value in reading.tags.values()}


def test_other_lines_are_none_of_its_business(listener: Gauges, told: dict[str, list[Any]]) -> None:
    listener.emit(log.makeRecord(log.name, logging.WARNING, "", 0, "words", (), None))
    tell(listener, "compacted", rows=3)
    assert not told

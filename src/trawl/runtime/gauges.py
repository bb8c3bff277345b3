"""Figures of a job while it runs, on the Prometheus endpoint of its Ray node and so in Ray's
dashboard.

Made of the events that the job logs (`journal.py`), so whatever tells them knows nothing of
metrics. Named `ray_trawl_...` there (a counter ends in `_total`), tagged with dataset and job; no
tag holds a video's name, or there would be a series for each. Ray collects every ten seconds, and
nothing of a process without Ray: until one is up, readings wait here. What a night came to in the
end is in its `metrics.prom` (`exposition.py`).
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import ray
from ray.util import metrics

_DECODE_S = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]
_OWN = ("dataset", "job")
# name -> (kind, tags besides `_OWN`, help)
METRICS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "trawl_videos": ("counter", ("outcome",), "Videos that have their outcome, and are committed."),
    "trawl_failures": ("counter", ("reason",), "Videos that failed, by reason."),
    "trawl_frames_embedded": ("counter", (), "Frames that were embedded."),
    "trawl_bytes_read": ("counter", (), "Bytes of the videos that have their outcome."),
    "trawl_rows_committed": ("counter", (), "Rows that were committed."),
    "trawl_actors_replaced": ("counter", ("actor",), "Actors that died and were replaced."),
    "trawl_unit_decode_cpu_seconds": (
        "histogram",
        (),
        "CPU seconds that decoding a video, or a span of one, took.",
    ),
    "trawl_lag_videos": ("gauge", (), "Videos listed and not yet indexed as they are now."),
    "trawl_published_number": ("gauge", (), "The newest publication."),
    "trawl_standing_tracks": ("counter", ("query",), "Tracks that standing queries found."),
}


class Reading(NamedTuple):
    """One change: added to a counter, set for a gauge, observed by a histogram."""

    name: str
    value: float
    tags: dict[str, str]


class Gauges(logging.Handler):
    """Listens to the events of one job."""

    def __init__(self, dataset: str, job: str) -> None:
        super().__init__(logging.DEBUG)
        self._own = {"dataset": dataset, "job": job}
        self._lag = 0
        self._waiting: list[Reading] = []
        self._sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = defaultdict(float)

    def emit(self, record: logging.LogRecord) -> None:
        fields = getattr(record, "fields", None)
        if fields is None:
            return
        for reading in (
            *readings(record.getMessage(), fields),
            *self._lag_after(record.getMessage(), fields),
        ):
            self._take(reading)
        if ray.is_initialized():
            self._send()

    def _lag_after(self, event: str, fields: Mapping[str, Any]) -> Iterator[Reading]:
        if event == "planned":
            self._lag = sum(
                int(fields.get(kind, 0))
                for kind in ("new", "changed", "retry", "failed", "quarantined")
            )
        elif event == "video indexed":
            self._lag -= 1
        else:
            return
        yield Reading("trawl_lag_videos", max(0, self._lag), {})

    def _take(self, reading: Reading) -> None:
        """Counters are added up here and gauges overwritten, so that what waits for Ray stays
        small.
        """
        key = reading.name, tuple(sorted(reading.tags.items()))
        kind = METRICS[reading.name][0]
        if kind == "histogram":
            self._waiting.append(reading)
        elif kind == "gauge":
            self._sums[key] = reading.value
        elif reading.value > 0:
            self._sums[key] += reading.value

    def _send(self) -> None:
        for (name, tags), value in self._sums.items():
            _metric(name)(value, self._own | dict(tags))
        for name, value, own in self._waiting:
            _metric(name)(value, self._own | own)
        self._sums.clear()
        self._waiting.clear()


def readings(event: str, fields: Mapping[str, Any]) -> Iterator[Reading]:
    """Return the readings that an event changes, the lag aside."""
    match event:
        case "video indexed" | "video failed":
            yield Reading("trawl_videos", 1, {"outcome": event.removeprefix("video ")})
            yield Reading("trawl_bytes_read", fields["size_bytes"], {})
            if event == "video failed":
                yield Reading("trawl_failures", 1, {"reason": fields["reason"]})
        case "unit embedded":
            yield Reading("trawl_frames_embedded", fields["frames"], {})
            yield Reading("trawl_unit_decode_cpu_seconds", fields["decode_cpu_s"], {})
        case "committed":
            yield Reading("trawl_rows_committed", fields["rows"], {})
        case "actor replaced":
            yield Reading("trawl_actors_replaced", 1, {"actor": fields["actor"]})
        case "published":
            yield Reading("trawl_published_number", fields["number"], {})
        case "standing query ended":
            yield Reading("trawl_standing_tracks", fields["tracks"], {"query": fields["query"]})


@cache
def _metric(name: str) -> Callable[[float, dict[str, str]], None]:
    """Ray's metric, made once a process."""
    kind, tags, told = METRICS[name]
    if kind == "counter":
        return metrics.Counter(name, told, (*_OWN, *tags)).inc
    if kind == "gauge":
        return metrics.Gauge(name, told, (*_OWN, *tags)).set
    return metrics.Histogram(name, told, _DECODE_S, (*_OWN, *tags)).observe

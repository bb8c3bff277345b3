"""Writes a night's figures in Prometheus' text format, for places where nobody scrapes: a textfile
collector or a push gateway.

All are gauges of the latest night, since a file has no counter's memory. Made with a registry of
its own: nothing of this process gets in.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from trawl.nightly.page import About
from trawl.nightly.record import NightFacts

# name, help, value; labels besides the dataset
_Row = tuple[str, str, dict[str, str], float]


def exposition(night: NightFacts, about: About) -> bytes:
    """The content of `metrics.prom`."""
    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    for name, told, labels, value in _rows(night, about):
        if name not in gauges:
            gauges[name] = Gauge(name, told, ["dataset", *labels], registry=registry)
        gauges[name].labels(night.dataset, *labels.values()).set(value)
    return generate_latest(registry)


def _rows(night: NightFacts, about: About) -> Iterator[_Row]:
    started_s = night.started_at.timestamp()
    yield (
        "trawl_night_end_timestamp_seconds",
        "When the latest night ended.",
        {},
        started_s + 3600 * night.hours,
    )
    yield "trawl_night_duration_seconds", "How long it took.", {}, 3600 * night.hours
    yield "trawl_night_exit_code", "0: nobody has to look.", {}, night.exit_code
    for outcome in ("indexed", "failed"):
        told = "Videos that had their outcome in it."
        yield "trawl_night_videos", told, {"outcome": outcome}, night.outcomes.get(outcome, 0)
    for reason, count in night.failures.items():
        yield (
            "trawl_night_failures",
            "Videos that failed in it, by reason.",
            {"reason": reason},
            count,
        )
    for kind, count in night.plan.items():
        yield (
            "trawl_night_plan_videos",
            "Videos of the corpus as the plan found them.",
            {"kind": kind},
            count,
        )
    yield "trawl_night_frames_embedded", "Frames that it embedded.", {}, night.frames
    yield (
        "trawl_night_bytes_read",
        "Bytes of the videos that had their outcome in it.",
        {},
        night.size_bytes,
    )
    yield (
        "trawl_night_work_seconds",
        "Of its duration, with actors at work on videos.",
        {},
        night.work_s,
    )
    yield "trawl_night_cpu_hours", "Indexing and standing queries.", {}, about.cost.cpu_h
    yield "trawl_night_gpu_hours", "Indexing and standing queries.", {}, about.cost.gpu_h
    yield "trawl_night_money", "By the settings' prices.", {}, sum(about.cost.money.values())
    yield "trawl_lag_videos", "Videos listed and not indexed as they are now.", {}, night.lag
    yield "trawl_lag_unusable_videos", "Of them, those that failed.", {}, night.unusable
    if about.published_h is not None:
        told = "When the newest publication was made."
        yield (
            "trawl_published_timestamp_seconds",
            told,
            {},
            started_s + 3600 * (night.hours - about.published_h),
        )
    if night.published is not None:
        yield "trawl_published_number", "The newest publication.", {}, night.published
    yield (
        "trawl_standing_refused",
        "Standing queries that could not be asked.",
        {},
        len(night.refused),
    )
    yield "trawl_standing_left", "Standing queries that there was no time for.", {}, len(night.left)
    for name, runs in night.standing.items():
        for kind in ("videos", "tracks", "masks"):
            told = f"New {kind} of a standing query."
            yield (
                f"trawl_standing_{kind}",
                told,
                {"query": name},
                sum(getattr(run, kind) for run in runs),
            )

"""What tests of nights share: the content of a made-up night.json."""

from datetime import UTC, datetime, timedelta
from typing import Any

from trawl.nightly.record import NightFacts, read_night

BEGAN = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def content(days_ago: int = 0, **changes: Any) -> dict[str, Any]:
    """A good night of two videos, one of them new; `index` is merged into (None: there was none),
    the rest replaced.
    """
    began = BEGAN - timedelta(days=days_ago)
    own = changes.pop("index", {})
    index = {
        "plan": {
            "new": 2,
            "changed": 0,
            "retry": 0,
            "removed": 1,
            "unchanged": 40,
            "failed": 0,
            "quarantined": 0,
        },
        "outcomes": {"indexed": 2},
        "failures": {},
        "failed_examples": {},
        "damaged": 0,
        "left": 0,
        "stopped": "",
        "size_bytes": 2_000_000_000,
        "frames": {"embedded": 1000, "decoded": 1100},
        "seconds": {"plan": 2.0, "start_up": 10.0, "work": 100.0, "publish": 3.0},
        "cpu_s": {"decode": 180.0, "embed": 540.0},
        "gpus": 1.0,
        "published": 7,
        "recipe": "0123456789ab",
        "run_id": "20261121T020001Z-aaaaaa",
        "config": {"max_failed_fraction": None},
    }
    night = {
        "dataset": "cams",
        "night": f"{began:%Y%m%dT%H%M%SZ}-abcdef",
        "started_at": began.isoformat(),
        "ended_at": (began + timedelta(minutes=30)).isoformat(),
        "exit_code": 0,
        "ended_by": "",
        "index": None if own is None else index | own,
        "standing": {},
        "refused": {},
        "left": [],
    }
    return night | changes


def night(days_ago: int = 0, **changes: Any) -> NightFacts:
    return read_night(content(days_ago, **changes))


def failing(count: int = 1, limit: float | None = None) -> dict[str, Any]:
    """Of an index that failed on `count` videos of 10."""
    return {
        "plan": {"new": 10},
        "outcomes": {"indexed": 10 - count, "failed": count},
        "failures": {"truncated": count} if count else {},
        "failed_examples": {"truncated": "cam/a.mp4: no moov"} if count else {},
        "config": {"max_failed_fraction": limit},
    }


def asked(**changes: Any) -> dict[str, Any]:
    """One night of one standing query."""
    counts = {"clips": 5, "failed": 0, "tracks": 3, "masks": 420}
    one = {
        "night": "n",
        "run_id": "r-red",
        "ended": True,
        "videos": 2,
        "counts": counts,
        "attempts": 1,
    }
    return one | changes

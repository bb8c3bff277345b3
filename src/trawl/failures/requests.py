"""The ledger's failed videos, and what a person may ask to become of them.

Makes rows for `Ledger.upsert`, writes nothing.

    again      failed, quarantined    -> retry         attempts stay: at MAX_ATTEMPTS one more
               failure quarantines it again
    set_aside  all but removed        -> quarantined   reason set_aside; the rows of an indexed one
               must go from the frames table
    released   quarantined            -> retry         attempts 0, as a new video; also what was set
               aside

A row that waits for its retry keeps the reason and the message of its last failure, and the run
that has its log lines. What was set aside is taken up by `released`, or by `again` where that names
the reason or the path itself.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import pyarrow as pa

from trawl.errors import ConfigError, did_you_mean
from trawl.records.video import Reason, Status
from trawl.schemas import FAILURES, VIDEOS
from trawl.table.frames import in_list
from trawl.table.ledger import Ledger

_AT_ONCE = 5000
_MESSAGE_CHARS = 1000
FAILED = (Status.FAILED, Status.QUARANTINED, Status.RETRY)


@dataclass(frozen=True, slots=True)
class Choice:
    """Selects videos; all where every field is None.

    path: a video_id, or a pattern as in `dataset.glob`.
    """

    reason: str | None = None
    path: str | None = None
    status: str | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError for an unknown reason or a broken pattern."""
        reasons = [reason.value for reason in Reason]
        if self.reason is not None and self.reason not in reasons:
            raise ConfigError(
                f"reason={self.reason} is unknown; {did_you_mean(self.reason, reasons)}"
            )
        _matcher(self.path)

    def takes(self, row: dict[str, Any]) -> bool:
        """row: video_id, status and reason at least."""
        of_kind = self.reason in (None, row["reason"]) and self.status in (None, row["status"])
        return of_kind and _matcher(self.path)(row["video_id"])


def listed(ledger: Ledger, choice: Choice) -> pa.Table:
    """The chosen failed, quarantined and waiting videos, as schemas.FAILURES, by reason and name."""
    rows = ledger.read(in_list("status", FAILED), FAILURES.names).select(FAILURES.names)
    return (
        _chosen(rows, choice.takes)
        .sort_by([("reason", "ascending"), ("video_id", "ascending")])
        .cast(FAILURES)
    )


def again(ledger: Ledger, choice: Choice, which: str) -> pa.Table:
    """Rows that make the next run try these videos once more.

    Args:
        which: "failed", "quarantined", a reason, a path or a pattern.

    Raises:
        ConfigError: no failed video of the choice is of that kind.
    """
    if which in (Status.FAILED, Status.QUARANTINED):
        wanted = Choice(status=which)
    elif which in list(Reason):
        wanted = Choice(reason=which)
    else:
        wanted = Choice(path=which)

    def takes(row: dict[str, Any]) -> bool:
        named = which in (Reason.SET_ASIDE, row["video_id"])
        return (
            (row["reason"] != Reason.SET_ASIDE or named) and wanted.takes(row) and choice.takes(row)
        )

    found = _rows(ledger, (Status.FAILED, Status.QUARANTINED), takes)
    if not found:
        if _rows(ledger, (Status.RETRY,), lambda row: wanted.takes(row) and choice.takes(row)):
            raise ConfigError(
                f"retry={which}: what that names waits for its attempt already; the next indexing run makes it"
            )
        words = [
            Status.FAILED.value,
            Status.QUARANTINED.value,
            *(reason.value for reason in Reason),
        ]
        allowed = f"a status, reason, path or pattern (* within a folder, ** across): {did_you_mean(which, words)}"
        raise ConfigError(f"retry={which} names no failed video{_of(choice)}; {allowed}")
    return _table([row | {"status": Status.RETRY.value} for row in found])


def set_aside(ledger: Ledger, choice: Choice, path: str) -> pa.Table:
    """Rows that keep these videos out of every run until they are released or change.

    Raises:
        ConfigError: the ledger knows no such video of the choice, or they are all set aside.
    """

    wanted = Choice(path=path)

    def takes(row: dict[str, Any]) -> bool:
        aside = row["reason"] == Reason.SET_ASIDE and row["status"] == Status.QUARANTINED
        return not aside and wanted.takes(row) and choice.takes(row)

    known = tuple(status for status in Status if status is not Status.REMOVED)
    found = _rows(ledger, known, takes)
    if not found:
        if _rows(ledger, known, lambda row: wanted.takes(row) and choice.takes(row)):
            raise ConfigError(
                f"quarantine={path}: what that names is set aside already; release={path} lets it out"
            )
        raise ConfigError(
            f"quarantine={path} names no video{_of(choice)} that the index knows; "
            "it is a path in the dataset, or a pattern (* within a folder, ** across)"
        )
    new = {
        "status": Status.QUARANTINED.value,
        "reason": Reason.SET_ASIDE.value,
        "frames_embedded": 0,
    }
    return _table(
        [row | new | {"message": _why(row), "updated_at": datetime.now(UTC)} for row in found]
    )


def released(ledger: Ledger, choice: Choice, path: str) -> pa.Table:
    """Rows that let these videos out of quarantine: the next run tries them, with as many attempts
    as a new one.

    Raises:
        ConfigError: no such video of the choice is in quarantine.
    """

    wanted = Choice(path=path)

    def takes(row: dict[str, Any]) -> bool:
        return wanted.takes(row) and choice.takes(row)

    found = _rows(ledger, (Status.QUARANTINED,), takes)
    if not found:
        raise ConfigError(
            f"release={path} names no video{_of(choice)} in quarantine; status=quarantined lists those that are"
        )
    return _table([row | {"status": Status.RETRY.value, "attempts": 0} for row in found])


def _rows(
    ledger: Ledger, statuses: tuple[Status, ...], takes: Callable[[dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    """Whole rows; all others are looked at by three columns, a batch at a time."""
    ids = []
    for batch in ledger.batches(["video_id", "status", "reason"]):
        ids += [
            row["video_id"] for row in batch.to_pylist() if row["status"] in statuses and takes(row)
        ]
    parts = (
        ledger.read(in_list("video_id", ids[i : i + _AT_ONCE]))
        for i in range(0, len(ids), _AT_ONCE)
    )
    return [row for part in parts for row in part.to_pylist()]


def _chosen(rows: pa.Table, takes: Callable[[dict[str, Any]], bool]) -> pa.Table:
    keys = rows.select(["video_id", "status", "reason"]).to_pylist()
    return rows.filter(pa.array([takes(row) for row in keys], pa.bool_()))


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=VIDEOS)


def _why(row: dict[str, Any]) -> str:
    before = f"{row['reason']}: {row['message']}" if row["reason"] else row["status"]
    return f"set aside by hand; before: {before}"[:_MESSAGE_CHARS]


def _of(choice: Choice) -> str:
    parts = {"reason": choice.reason, "path": choice.path, "status": choice.status}
    told = " ".join(f"{name}={value}" for name, value in parts.items() if value is not None)
    return f" among those of {told}" if told else ""


@lru_cache(maxsize=8)  # asked for every row
def _matcher(path: str | None) -> Callable[[str], bool]:
    """Whether a video_id is the path or matches it as a pattern."""
    if path is None:
        return lambda video_id: True
    from fsspec.utils import glob_translate

    try:
        pattern = re.compile(glob_translate(path))
    except (re.error, ValueError) as error:
        raise ConfigError(f"{path!r} is no path and no pattern: {error}") from error
    return lambda video_id: video_id == path or pattern.fullmatch(video_id) is not None

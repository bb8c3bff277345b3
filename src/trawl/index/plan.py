"""Plans what a run has to do: the corpus as listed against the ledger as it stands.

Both sides stream. The ledger is held as hashes (19 bytes a video), the work is spooled to a
temporary file as Arrow batches, and the names of removed videos are read from the ledger a second
time, so memory hardly grows with the corpus. Names are compared by 64-bit hash: two of a million
names collide with probability 3e-8, and the cost would be one video indexed again. Reads no storage
itself; knows nothing of Lance.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import IO, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trawl.errors import ConfigError, did_you_mean
from trawl.records.video import MAX_ATTEMPTS, PASSING_REASONS, Reason, Status, VideoFile

_BATCH = 4096
_MEMORY_BYTES = 16 * 2**20  # of spooled work, before it goes to disk
_STATUSES = list(Status)
_REASONS = list(Reason)


class LedgerView(Protocol):
    """The ledger at one version: the same rows in the same order each time it is read."""

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]: ...


class Why(StrEnum):
    """Names the reason for which a video is in the plan."""

    NEW = "new"
    CHANGED = "changed"  # its fingerprint differs
    # it failed before, and is asked for by this run or in the ledger, or its reason is one that
    # passes
    RETRY = "retry"


_WHYS = frozenset(Why)


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """attempts: failed ones so far with these bytes.

    The attempt that makes it MAX_ATTEMPTS puts it in quarantine.
    """

    video: VideoFile
    why: Why
    attempts: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts videos by what the plan does with them.

    Listed = new + changed + retry + unchanged + failed + quarantined.

    failed: failed before and left alone, since nothing suggests another outcome; quarantined: left
    alone likewise.
    """

    new: int = 0
    changed: int = 0
    retry: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: int = 0
    quarantined: int = 0

    @property
    def work(self) -> int:
        return self.new + self.changed + self.retry


@dataclass(frozen=True)
class Plan:
    """Counts at once, names as streams. One `work` at a time: they share the spool's position."""

    counts: Counts
    _spool: IO[bytes] = field(repr=False)
    _known: LedgerView = field(repr=False)
    _gone: NDArray[np.bool_] = field(repr=False)

    def work(self) -> Iterator[PlannedVideo]:
        """The videos to process, in the order they were listed."""
        self._spool.seek(0)
        with pa.ipc.open_stream(self._spool) as stream:
            for batch in stream:
                for row in batch.to_pylist():
                    why, attempts, metadata = (
                        Why(row.pop("why")),
                        row.pop("attempts"),
                        json.loads(row.pop("metadata")),
                    )
                    yield PlannedVideo(VideoFile(**row, metadata=metadata), why, attempts)

    def removed(self) -> Iterator[str]:
        """video_ids that the ledger has and the corpus no longer does."""
        start = 0
        for batch in self._known.batches(["video_id"]) if self._gone.any() else ():
            gone = self._gone[start : start + batch.num_rows]
            start += batch.num_rows
            yield from batch.column(0).filter(pa.array(gone)).to_pylist()


def check_retry(retry: str | None) -> None:
    """Raises ConfigError unless `retry` is None, "failed", "quarantined" or a Reason's value."""
    allowed = [Status.FAILED.value, Status.QUARANTINED.value, *(reason.value for reason in Reason)]
    if retry is not None and retry not in allowed:
        raise ConfigError(f"retry={retry!r} is unknown; {did_you_mean(retry, allowed)}")


def make_plan(listing: Iterable[VideoFile], known: LedgerView, retry: str | None = None) -> Plan:
    """Compare the corpus with the ledger.

    A video that failed is left alone until its fingerprint changes, unless its reason is one that
    passes by itself (records.PASSING_REASONS) and it has attempts left, or `retry` asks for it:
    "failed" those that failed, "quarantined" those given up on, a Reason's value both kinds with
    that reason; those set aside by hand only by that word. Or the ledger asks for it
    (Status.RETRY), whatever its reason and attempts. A renamed video is a removed and a new one.

    Raises:
        ConfigError: `retry` is none of these.
        DatasetError: from the listing.
    """
    check_retry(retry)
    ledger = _Known.read(known)
    spool = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115
    tally = dict.fromkeys(Counts.__dataclass_fields__, 0)
    videos = iter(listing)
    with pa.ipc.new_stream(spool, _WORK) as out:
        while chunk := list(islice(videos, _BATCH)):
            work = []
            for video, row in zip(chunk, ledger.find(chunk), strict=True):
                verdict = ledger.judge(video, int(row), retry)
                tally[verdict] += 1
                if verdict in _WHYS:
                    attempts = ledger.attempts[row] if verdict == Why.RETRY else 0
                    work.append(_work_row(video, verdict, int(attempts)))
            if work:
                out.write_batch(pa.RecordBatch.from_pylist(work, schema=_WORK))
    gone = ~ledger.seen & (ledger.status != _STATUSES.index(Status.REMOVED))
    return Plan(Counts(**{**tally, "removed": int(gone.sum())}), spool, known, gone)


_WORK = pa.schema(
    [
        pa.field("video_id", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("size_bytes", pa.int64()),
        pa.field("fingerprint", pa.string()),
        pa.field("metadata", pa.string()),
        pa.field("why", pa.string()),
        pa.field("attempts", pa.int32()),
    ]
)


def _work_row(video: VideoFile, why: str, attempts: int) -> dict[str, Any]:
    return {
        "video_id": video.video_id,
        "uri": video.uri,
        "size_bytes": video.size_bytes,
        "fingerprint": video.fingerprint,
        "metadata": json.dumps(dict(video.metadata), default=str),
        "why": str(why),
        "attempts": attempts,
    }


@dataclass
class _Known:
    """The ledger as parallel arrays in ledger order; `order` sorts `ids`."""

    ids: NDArray[np.uint64]
    fingerprints: NDArray[np.uint64]
    status: NDArray[np.uint8]
    reason: NDArray[np.uint8]
    attempts: NDArray[np.uint8]
    order: NDArray[np.int64]
    seen: NDArray[np.bool_]

    @classmethod
    def read(cls, view: LedgerView) -> "_Known":
        parts: list[tuple[NDArray[Any], ...]] = [
            (_hashes([]), _hashes([]), *(np.zeros(0, np.uint8) for _ in range(3)))
        ]
        for batch in view.batches(["video_id", "fingerprint", "status", "reason", "attempts"]):
            ids, fingerprints, status, reason, attempts = (
                column.to_pylist() for column in batch.columns
            )
            codes = np.array([_STATUSES.index(Status(value)) for value in status], np.uint8)
            reasons = np.array(
                [_REASONS.index(Reason(value)) if value else 255 for value in reason], np.uint8
            )
            parts.append(
                (
                    _hashes(ids),
                    _hashes(fingerprints),
                    codes,
                    reasons,
                    np.array(attempts).clip(0, 255).astype(np.uint8),
                )
            )
        ids, fingerprints, codes, reasons, tries = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        return cls(
            ids, fingerprints, codes, reasons, tries, np.argsort(ids), np.zeros(len(ids), bool)
        )

    def find(self, videos: list[VideoFile]) -> NDArray[np.int64]:
        """(N,) row of each video, -1 where the ledger does not know it; marks the rows as seen."""
        wanted = _hashes([video.video_id for video in videos])
        if not len(self.ids):
            return np.full(len(videos), -1)
        place = np.searchsorted(self.ids, wanted, sorter=self.order).clip(max=len(self.ids) - 1)
        rows = self.order[place]
        found = self.ids[rows] == wanted
        self.seen[rows[found]] = True
        return np.where(found, rows, -1)

    def judge(self, video: VideoFile, row: int, retry: str | None) -> str:
        """One of the fields of Counts."""
        status = _STATUSES[self.status[row]] if row >= 0 else Status.REMOVED
        if status is Status.REMOVED:
            return Why.NEW
        if _hashes([video.fingerprint])[0] != self.fingerprints[row]:
            return Why.CHANGED
        if status is Status.INDEXED:
            return "unchanged"
        if status is Status.RETRY:
            return Why.RETRY
        reason = _REASONS[self.reason[row]] if self.reason[row] < len(_REASONS) else None
        passing = (
            status is Status.FAILED
            and reason in PASSING_REASONS
            and self.attempts[row] < MAX_ATTEMPTS
        )
        asked = retry == reason if reason is Reason.SET_ASIDE else retry in (status, reason)
        if passing or (retry is not None and asked):
            return Why.RETRY
        return status.value


def _hashes(texts: list[str]) -> NDArray[np.uint64]:
    data = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(data, np.uint64)

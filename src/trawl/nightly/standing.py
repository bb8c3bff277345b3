"""Records what a standing query has answered, night by night, so that it searches new footage only.

    <root>/<dataset>/standing/<name>/<version>/<night>.parquet    video_id, fingerprint: the videos
                                                                  of that night
    <root>/<dataset>/standing/<name>/<version>/<night>.json       its run, and whether the run has
                                                                  ended
    <root>/<dataset>/standing/<name>/<version>/answered.parquet   the videos of many ended nights,
                                                                  and which nights those are

`version` is a hash of everything in the query that changes its answer: a changed query finds no
nights and starts over, once, with the whole corpus. A video is new footage while no ended night of
this version holds it with its present fingerprint; clocks play no part. The videos are written
before the work begins and the end after it, so a night that was killed is gone on with, under its
own run. `answered.parquet` is made of the others, so that a night reads the last few of them and
not a year's; without it, or where a night that is in it was deleted, it is made again. Knows
nothing of how a query is answered.
"""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from trawl.storage import Storage

MAX_ATTEMPTS = 3
_ANSWERED = "answered.parquet"
_GATHERED_AT = 16  # ended nights that are read one by one before they go into it
_NIGHTS = b"trawl.nights"  # its schema's metadata: their names, as JSON
_SCHEMA = pa.schema([("video_id", pa.string()), ("fingerprint", pa.string())])


@dataclass(frozen=True, slots=True)
class Night:
    """One night of one query. run_id: of jobs.track; ended: its tracks are as complete as they will
    be; attempts: how often its run came to an end; counts: what it found.
    """

    night: str
    run_id: str
    ended: bool
    videos: int
    counts: Mapping[str, int]
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class _Answered:
    """Holds the content of `answered.parquet`: names of ended nights, and (video_id, fingerprint)
    of all their videos.
    """

    nights: frozenset[str] = frozenset()
    videos: frozenset[tuple[str, str]] = frozenset()


class Standing:
    """One version of one query, in one dataset.

    One process at a time writes it: the dataset's lease sees to that.
    """

    def __init__(self, storage: Storage, dataset: str, name: str, version: str) -> None:
        self._storage = storage
        self._answered: _Answered | None = None
        self.folder = f"{dataset}/standing/{name}/{version}"

    def nights(self) -> list[Night]:
        """All of them, oldest first."""
        return [self._read(night) for night in self._names()]

    def unfinished(self) -> list[Night]:
        """Those that were begun and have not ended, oldest first."""
        return [night for night in self._later() if not night.ended]

    def fresh(self, indexed: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Return those indexed videos (video_id, fingerprint) that no ended night has held as they
        are now.
        """
        ended = [night.night for night in self._later() if night.ended]
        answered = self._gathered()
        done = answered.videos.union(*(self.videos(night).items() for night in ended))
        if len(ended) >= _GATHERED_AT:
            self._gather(_Answered(answered.nights.union(ended), done))
        return {
            video_id: fingerprint
            for video_id, fingerprint in indexed
            if (video_id, fingerprint) not in done
        }

    def videos(self, night: str) -> dict[str, str]:
        """video_id -> fingerprint of a night's videos."""
        return dict(_pairs(self._table(f"{night}.parquet")))

    def begin(self, night: str, run_id: str, videos: Mapping[str, str]) -> Night:
        """Write down what a night is going to look at."""
        self._write_table(f"{night}.parquet", videos.items(), _SCHEMA)
        return self._write(Night(night, run_id, False, len(videos), {}))

    def end(self, night: Night, counts: Mapping[str, int], complete: bool = True) -> Night:
        """Its run came to an end: from here on its videos are no new footage.

        Args:
            complete: False where clips failed; they are tried again on the next nights, and given
                up with the third attempt.
        """
        attempts = night.attempts + 1
        ended = complete or attempts >= MAX_ATTEMPTS
        return self._write(
            Night(night.night, night.run_id, ended, night.videos, dict(counts), attempts)
        )

    def _write(self, night: Night) -> Night:
        self._storage.write_bytes(
            f"{self.folder}/{night.night}.json", json.dumps(asdict(night), indent=1).encode()
        )
        return night

    def _names(self) -> list[str]:
        names = self._storage.names(self.folder)
        return [name.removesuffix(".json") for name in names if name.endswith(".json")]

    def _read(self, night: str) -> Night:
        content: dict[str, Any] = json.loads(
            self._storage.read_bytes(f"{self.folder}/{night}.json")
        )
        return Night(**content)

    def _later(self) -> list[Night]:
        """The nights that are not gathered yet, oldest first."""
        names = self._names()
        if not self._gathered().nights.issubset(names):
            self._answered = _Answered()
        return [self._read(night) for night in names if night not in self._gathered().nights]

    def _gathered(self) -> _Answered:
        if self._answered is None:
            self._answered = _Answered()
            if _ANSWERED in self._storage.names(self.folder):
                table = self._table(_ANSWERED)
                nights = json.loads((table.schema.metadata or {})[_NIGHTS])
                self._answered = _Answered(frozenset(nights), frozenset(_pairs(table)))
        return self._answered

    def _gather(self, answered: _Answered) -> None:
        nights = json.dumps(sorted(answered.nights)).encode()
        self._write_table(_ANSWERED, answered.videos, _SCHEMA.with_metadata({_NIGHTS: nights}))
        self._answered = answered

    def _table(self, name: str) -> pa.Table:
        import pyarrow.parquet as pq

        return pq.read_table(io.BytesIO(self._storage.read_bytes(f"{self.folder}/{name}")))

    def _write_table(self, name: str, pairs: Iterable[tuple[str, str]], schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        rows = [{"video_id": video_id, "fingerprint": mark} for video_id, mark in sorted(pairs)]
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink, compression="zstd")
        self._storage.write_bytes(f"{self.folder}/{name}", sink.getvalue())


def _pairs(table: pa.Table) -> Iterable[tuple[str, str]]:
    return zip(table["video_id"].to_pylist(), table["fingerprint"].to_pylist(), strict=True)

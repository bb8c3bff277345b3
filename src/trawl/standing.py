"""What a standing query has answered, night by night, so that tonight it looks at new footage only.

    <root>/<dataset>/standing/<name>/<version>/<night>.parquet    video_id, fingerprint: the videos of that night
    <root>/<dataset>/standing/<name>/<version>/<night>.json       its run, and whether the run has ended

`version` is a hash of everything in the query that changes its answer: a changed query finds no nights and starts over, once,
with the whole corpus. A video is new footage while no ended night of this version holds it with its present fingerprint; clocks
play no part. The videos are written before the work begins and the end after it, so a night that was killed is gone on with,
under its own run. Knows nothing of how a query is answered.
"""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from trawl.storage import Storage

MAX_ATTEMPTS = 3
_SCHEMA = pa.schema([("video_id", pa.string()), ("fingerprint", pa.string())])


@dataclass(frozen=True, slots=True)
class Night:
    """One night of one query. run_id: of jobs.track; ended: its tracks are as complete as they will be; attempts: how often its
    run came to an end; counts: what it found."""

    night: str
    run_id: str
    ended: bool
    videos: int
    counts: Mapping[str, int]
    attempts: int = 0


class Standing:
    """One version of one query, in one dataset."""

    def __init__(self, storage: Storage, dataset: str, name: str, version: str) -> None:
        self._storage = storage
        self.folder = f"{dataset}/standing/{name}/{version}"

    def nights(self) -> list[Night]:
        """Oldest first."""
        names = self._storage.names(self.folder)
        return [self._read(name) for name in names if name.endswith(".json")]

    def fresh(self, indexed: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Of all indexed videos (video_id, fingerprint), those that no ended night has held as they are now."""
        done = set[tuple[str, str]]()
        for night in self.nights():
            if night.ended:
                done.update(self.videos(night.night).items())
        return {video_id: fingerprint for video_id, fingerprint in indexed if (video_id, fingerprint) not in done}

    def videos(self, night: str) -> dict[str, str]:
        """video_id -> fingerprint of a night's videos."""
        import pyarrow.parquet as pq

        data = self._storage.read_bytes(f"{self.folder}/{night}.parquet")
        table = pq.read_table(io.BytesIO(data))
        return dict(zip(table["video_id"].to_pylist(), table["fingerprint"].to_pylist(), strict=True))

    def begin(self, night: str, run_id: str, videos: Mapping[str, str]) -> Night:
        """Write down what a night is going to look at."""
        import pyarrow.parquet as pq

        rows = [{"video_id": video_id, "fingerprint": mark} for video_id, mark in sorted(videos.items())]
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), sink, compression="zstd")
        self._storage.write_bytes(f"{self.folder}/{night}.parquet", sink.getvalue())
        return self._write(Night(night, run_id, False, len(rows), {}))

    def end(self, night: Night, counts: Mapping[str, int], complete: bool = True) -> Night:
        """Its run came to an end: from here on its videos are no new footage.

        Args:
            complete: False where clips failed; they are tried again on the next nights, and given up with the third attempt.
        """
        attempts = night.attempts + 1
        ended = complete or attempts >= MAX_ATTEMPTS
        return self._write(Night(night.night, night.run_id, ended, night.videos, dict(counts), attempts))

    def _write(self, night: Night) -> Night:
        self._storage.write_bytes(f"{self.folder}/{night.night}.json", json.dumps(asdict(night), indent=1).encode())
        return night

    def _read(self, name: str) -> Night:
        content: dict[str, Any] = json.loads(self._storage.read_bytes(f"{self.folder}/{name}"))
        return Night(**content)

"""Writes what a night leaves behind for people and programs: `night.json` and the exit code."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from trawl.exits import EXIT_OK, EXIT_SOME_FAILED
from trawl.index.record import RunRecord
from trawl.nightly.standing import Night
from trawl.runtime.clock import Clock
from trawl.runtime.record import exit_code_of, new_run_id
from trawl.storage import Storage
from trawl.storage.veil import scrubbed


@dataclass
class NightRecord:
    """Gathers what happens in one night.

    standing: what each query did, by its name; refused: why one could not be asked; left: those
    that there was no time for. ended_by, ended_code: the error that ended the night, in a line, and
    its exit code; "" and 0 where none did.
    """

    dataset: str
    night: str = field(default_factory=new_run_id)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    index: RunRecord | None = None
    standing: dict[str, list[Night]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    ended_by: str = ""
    ended_code: int = EXIT_OK
    clock: Clock = field(default_factory=Clock)

    @property
    def folder(self) -> str:
        return f"{self.dataset}/nights/{self.night}"

    @property
    def exit_code(self) -> int:
        """The worst of indexing and of the clips of all standing queries, by `exit_code_of`; 3 or
        more where one was refused.

        `max_failed_fraction` holds for the clips as for the videos, of each apart.
        """
        if self.ended_by:
            return self.ended_code
        of_index, limit = EXIT_OK, None
        if self.index:
            of_index, limit = self.index.exit_code, self.index.config.get("max_failed_fraction")
        nights = [night for some in self.standing.values() for night in some]
        failed, clips = (
            sum(night.counts.get(name, 0) for night in nights) for name in ("failed", "clips")
        )
        of_refused = EXIT_SOME_FAILED if self.refused else EXIT_OK
        return max(of_index, exit_code_of(failed, clips, limit), of_refused)

    def write(self, storage: Storage) -> None:
        """`night.json`.

        Raises:
            StorageError: the storage failed.
        """
        content = {
            "dataset": self.dataset,
            "night": self.night,
            "started_at": self.started_at.isoformat(),
            "ended_at": datetime.now(UTC).isoformat(),
            "exit_code": self.exit_code,
            "ended_by": self.ended_by,
            "seconds": self.clock.steps,
            "index": json.loads(self.index.to_json()) if self.index else None,
            "standing": {
                name: [asdict(night) for night in some] for name, some in self.standing.items()
            },
            "refused": self.refused,
            "left": self.left,
        }
        storage.write_bytes(
            f"{self.folder}/night.json",
            json.dumps(scrubbed(content), indent=2, default=str).encode(),
        )


_TO_DO = ("new", "changed", "retry")
_GIVEN_UP = ("failed", "quarantined")


@dataclass(frozen=True, slots=True)
class AskedFacts:
    """One run of a standing query in one night. run_id: of jobs.track."""

    run_id: str
    ended: bool
    videos: int
    clips: int
    failed: int
    tracks: int
    masks: int


@dataclass(frozen=True, slots=True)
class NightFacts:
    """One night. ended_by: the error that ended it, "" where none did; plan, outcomes, failures:
    counts of videos.

    hours: from start to end; work_s: of it, with actors at work; limit: `max_failed_fraction`;
    stopped: why videos were left. refused, left: standing queries that could not be asked, and why;
    that there was no time for.
    """

    dataset: str
    night: str
    started_at: datetime
    hours: float
    exit_code: int
    ended_by: str = ""
    plan: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    damaged: int = 0
    waiting: int = 0
    stopped: str = ""
    size_bytes: int = 0
    frames: int = 0
    work_s: float = 0.0
    seconds: Mapping[str, float] = field(default_factory=dict)
    cpu_s: float = 0.0
    gpu_s: float = 0.0
    published: int | None = None
    recipe: str = ""
    run_id: str = ""
    limit: float | None = None
    standing: Mapping[str, Sequence[AskedFacts]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    left: Sequence[str] = ()

    @property
    def indexed(self) -> int:
        return self.outcomes.get("indexed", 0)

    @property
    def failed(self) -> int:
        return self.outcomes.get("failed", 0)

    @property
    def lag(self) -> int:
        """Videos listed and not indexed as they are now, those that cannot be used among them."""
        return max(0, sum(self.plan.get(kind, 0) for kind in (*_TO_DO, *_GIVEN_UP)) - self.indexed)

    @property
    def unusable(self) -> int:
        """Count those of the lag that failed, tonight or before."""
        return min(self.lag, self.failed + sum(self.plan.get(kind, 0) for kind in _GIVEN_UP))

    @property
    def frames_per_s(self) -> float | None:
        """Frames embedded in a second of work; None where there was none to embed."""
        return self.frames / self.work_s if self.frames and self.work_s else None

    @property
    def clips_failed(self) -> int:
        return sum(asked.failed for some in self.standing.values() for asked in some)


def read_night(content: Mapping[str, Any]) -> NightFacts:
    """From the content of night.json."""
    index = content.get("index") or {}
    started, ended = _time(content["started_at"]), _time(content["ended_at"])
    seconds = {str(name): float(spent) for name, spent in (index.get("seconds") or {}).items()}
    work_s = seconds.get("work", 0.0)
    return NightFacts(
        dataset=str(content.get("dataset", "")),
        night=str(content["night"]),
        started_at=started,
        hours=(ended - started).total_seconds() / 3600,
        exit_code=int(content.get("exit_code", 0)),
        ended_by=str(content.get("ended_by", "")),
        plan=dict(index.get("plan") or {}),
        outcomes=dict(index.get("outcomes") or {}),
        failures=dict(index.get("failures") or {}),
        examples=dict(index.get("failed_examples") or {}),
        damaged=int(index.get("damaged", 0)),
        waiting=int(index.get("left", 0)),
        stopped=str(index.get("stopped", "")),
        size_bytes=int(index.get("size_bytes", 0)),
        frames=int((index.get("frames") or {}).get("embedded", 0)),
        work_s=work_s,
        seconds=seconds,
        cpu_s=sum((index.get("cpu_s") or {}).values()),
        gpu_s=float(index.get("gpus", 0.0)) * work_s,
        published=index.get("published"),
        recipe=str(index.get("recipe", "")),
        run_id=str(index.get("run_id", "")),
        limit=(index.get("config") or {}).get("max_failed_fraction"),
        standing={
            name: [_asked(one) for one in some]
            for name, some in (content.get("standing") or {}).items()
        },
        refused=dict(content.get("refused") or {}),
        left=list(content.get("left") or ()),
    )


def _asked(content: Mapping[str, Any]) -> AskedFacts:
    counts = {
        name: int(content["counts"].get(name, 0)) for name in ("clips", "failed", "tracks", "masks")
    }
    return AskedFacts(
        str(content["run_id"]), bool(content["ended"]), int(content["videos"]), **counts
    )


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)

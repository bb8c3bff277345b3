"""What a night leaves behind for people and programs: `night.json` and the exit code."""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

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

    standing: what each query did, by its name; refused: why one could not be asked; left: those that there was no time for.
    ended_by, ended_code: the error that ended the night, in a line, and its exit code; "" and 0 where none did.
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
        """The worst of indexing and of the clips of all standing queries, by `exit_code_of`; 3 or more where one was refused.

        `max_failed_fraction` holds for the clips as for the videos, of each apart.
        """
        if self.ended_by:
            return self.ended_code
        of_index, limit = EXIT_OK, None
        if self.index:
            of_index, limit = self.index.exit_code, self.index.config.get("max_failed_fraction")
        nights = [night for some in self.standing.values() for night in some]
        failed, clips = (sum(night.counts.get(name, 0) for night in nights) for name in ("failed", "clips"))
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
            "standing": {name: [asdict(night) for night in some] for name, some in self.standing.items()},
            "refused": self.refused,
            "left": self.left,
        }
        storage.write_bytes(f"{self.folder}/night.json", json.dumps(scrubbed(content), indent=2, default=str).encode())

"""What a night leaves behind for people and programs: `night.json` and the exit code."""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from trawl.cli import EXIT_OK, EXIT_SOME_FAILED
from trawl.pipelines.clock import Clock
from trawl.pipelines.summary import RunRecord, new_run_id
from trawl.standing import Night
from trawl.storage import Storage


@dataclass
class NightRecord:
    """Gathers what happens in one night.

    standing: what each query did, by its name; refused: why one could not be asked; left: those that there was no time for.
    """

    dataset: str
    night: str = field(default_factory=new_run_id)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    index: RunRecord | None = None
    standing: dict[str, list[Night]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)

    @property
    def folder(self) -> str:
        return f"{self.dataset}/nights/{self.night}"

    @property
    def exit_code(self) -> int:
        """The index run's, or 3 where that was well and a standing query was not."""
        of_index = self.index.exit_code if self.index else EXIT_OK
        failed = self.refused or any(night.counts.get("failed") for some in self.standing.values() for night in some)
        return of_index or (EXIT_SOME_FAILED if failed else EXIT_OK)

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
            "seconds": self.clock.steps,
            "index": json.loads(self.index.to_json()) if self.index else None,
            "standing": {name: [asdict(night) for night in some] for name, some in self.standing.items()},
            "refused": self.refused,
            "left": self.left,
        }
        storage.write_bytes(f"{self.folder}/night.json", json.dumps(content, indent=2, default=str).encode())

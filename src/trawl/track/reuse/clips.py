"""Which run followed a clip before, with the same settings: its tracks can be copied."""

import json
from typing import Any

from trawl.errors import StorageError
from trawl.records.tracking import Clip
from trawl.storage import Storage
from trawl.track.reuse import digests


class FollowedClips:
    """Notes below one folder, one file a clip: {"run_id": ..., and what its run said of it}."""

    def __init__(self, storage: Storage, folder: str) -> None:
        self._storage, self._folder = storage, folder

    def find(self, clip: Clip) -> dict[str, Any] | None:
        """The note on a clip, None where there is none that can be read."""
        try:
            note = json.loads(self._storage.read_bytes(self._name(clip)))
        except (StorageError, ValueError):
            return None
        return note if isinstance(note, dict) and isinstance(note.get("run_id"), str) else None

    def note(self, clip: Clip, run_id: str, said: dict[str, Any]) -> None:
        """From here on `find` has it. said: plain JSON values."""
        self._storage.write_bytes(self._name(clip), json.dumps(said | {"run_id": run_id}).encode())

    def _name(self, clip: Clip) -> str:
        """Its id does not tell how well retrieval scored it, which its tracks repeat."""
        targets = [f"{target.phrase}={target.score!r}" for target in clip.targets]
        return f"{self._folder}/{clip.clip_id}-{digests.of_texts(*targets)[:12]}.json"

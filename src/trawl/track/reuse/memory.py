"""Takes results for the tracking of one clip from earlier runs, and leaves its own to later ones.

The stages are those of this folder.
"""

from collections import Counter
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from trawl.models.protocols import Grounder, Tracker
from trawl.records.tracking import Clip
from trawl.schemas import DETECTED, PROPAGATED, SEEN
from trawl.storage import Storage
from trawl.track.reuse import digests
from trawl.track.reuse import remembering as looks
from trawl.track.reuse.remembering import RememberingGrounder, RememberingTracker
from trawl.track.reuse.shelf import FOLDER, Shelf, Tally
from trawl.track.tables import copy_clip
from trawl.track.task import ClipDone, TrackJob

if TYPE_CHECKING:
    from trawl.track.reuse.remembering import Embed
import json

from trawl.errors import StorageError


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


class NoMemory:
    """For a run that reuses nothing."""

    def __init__(self) -> None:
        self.tally = Tally()

    def grounder(self, grounder: Grounder) -> Grounder:
        return grounder

    def tracker(self, tracker: Tracker) -> Tracker:
        return tracker

    def embed(self, embed: "Embed") -> "Embed":
        return embed

    def keep(self, done: ClipDone) -> None:
        pass


class ClipMemory(NoMemory):
    """The models of one clip, each with what it is known to answer. `keep` writes what is new."""

    def __init__(self, storage: Storage, job: TrackJob, clip: Clip) -> None:
        super().__init__()
        assert job.reuse is not None
        stretch = digests.of_texts(
            clip.video_id, clip.fingerprint, repr((clip.start_s, clip.end_s))
        )[:16]
        cache = f"{job.dataset}/{FOLDER}"
        self._job, self._clip = job, clip
        self._detected = Shelf(
            storage, f"{cache}/detected/{job.reuse.detected}/{stretch}.parquet", DETECTED
        )
        self._propagated = Shelf(
            storage, f"{cache}/propagated/{job.reuse.propagated}/{stretch}.parquet", PROPAGATED
        )
        self._seen = Shelf(storage, f"{cache}/seen/{job.reuse.seen}/{stretch}.parquet", SEEN)
        self._clips = _clips(storage, job)

    def grounder(self, grounder: Grounder) -> Grounder:
        return RememberingGrounder(grounder, self._detected, self.tally)

    def tracker(self, tracker: Tracker) -> Tracker:
        return RememberingTracker(tracker, self._propagated, self.tally)

    def embed(self, embed: "Embed") -> "Embed":
        return looks.remembering(embed, self._seen, self.tally)

    def keep(self, done: ClipDone) -> None:
        for shelf in (self._detected, self._propagated, self._seen):
            shelf.save()
        self._clips.note(
            self._clip,
            self._job.run_id,
            {item.name: getattr(done, item.name) for item in fields(done)},
        )


def memory(storage: Storage, job: TrackJob, clip: Clip) -> NoMemory:
    """Return what the job may know of a clip."""
    return NoMemory() if job.reuse is None else ClipMemory(storage, job, clip)


def copied(storage: Storage, job: TrackJob, clip: Clip) -> ClipDone | None:
    """Write a clip's tables as an earlier run did with the same settings.

    None where none did, or it is gone.

    cpu_s and wall_s are the earlier run's: the caller knows what copying took.
    """
    found = _clips(storage, job).find(clip)
    if found is None:
        return None
    source = str(found.pop("run_id"))
    said = _said(found)
    if said is None:
        return None
    bytes_written = copy_clip(storage, job.dataset, source, job.run_id, clip, job.lineage)
    if bytes_written is None:
        return None
    whole = Counter(said.cpu_s) + Counter(said.saved_cpu_s)
    saved = said.saved + said.made + Counter(clips=1)
    return replace(
        said,
        bytes_written=bytes_written,
        gpu_s=0.0,
        saved=saved,
        made=Counter(),
        saved_cpu_s=dict(whole),
    )


def _said(note: dict[str, Any]) -> ClipDone | None:
    """Return what a run recorded of a clip, None if that was another version."""
    values: dict[str, Any] = note | {
        name: Counter(note.get(name)) for name in ("flags", "saved", "made")
    }
    try:
        return ClipDone(**values)
    except TypeError:
        return None


def _clips(storage: Storage, job: TrackJob) -> FollowedClips:
    assert job.reuse is not None
    return FollowedClips(storage, f"{job.dataset}/{FOLDER}/followed/{job.reuse.followed}")

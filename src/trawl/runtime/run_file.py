"""Writes and reads `run.json`, which every run of indexing and of tracking leaves in its folder.

Both jobs write the same file; `SavedRun` is what other jobs may read of it. A run that is still
going, or was killed, has none.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from trawl.errors import RunError
from trawl.runtime.record import versions
from trawl.storage import Storage
from trawl.storage.veil import scrubbed

# Raised when a field of SavedRun changes its meaning. Files without it are of version 1.
SCHEMA_VERSION = 1
_RUNS = 200  # that are looked through for useful ones


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A run of jobs.index or jobs.track as its `run.json` has it.

    Numbers are None, and collections empty, where the run does not say: the two jobs write
    different parts, and earlier versions of Trawl wrote fewer.

    Attributes:
        job: "index" or "track".
        config: The settings, as nested mappings.
        published: Number of the publication that it read or made.
        lineage: Names of the models, with the hash of their weights and their precision.
        plan: Videos by kind, of an index run.
        frames: Counts of frames, of an index run.
        clips, counts: Of a tracking run; see `track/record.py`.
        failed_clips: Reason and message by clip_id.
        seconds: Wall time by step, in seconds.
        cpu_s: CPU seconds by part, of all processes.
        actor_s: Wall time by part, of all tracking actors together, in seconds.
        saved_cpu_s: CPU seconds by part that results of earlier runs had taken.
        gpus: How many GPUs were held while it worked.
        gpu_s: Seconds in which models were at work, times their share of a GPU.
        video_s: Presentation time of the videos or clips, in seconds.
        peak_mb: The highest memory among actors, MiB.
    """

    job: str = "track"
    run_id: str = ""
    started_at: str = ""
    recipe: str = ""
    published: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    lineage: Mapping[str, str] = field(default_factory=dict)
    plan: Mapping[str, int] = field(default_factory=dict)
    frames: Mapping[str, int] = field(default_factory=dict)
    clips: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    failed_clips: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    actor_s: Mapping[str, float] | None = None
    saved: Mapping[str, int] = field(default_factory=dict)
    saved_cpu_s: Mapping[str, float] = field(default_factory=dict)
    peak_mb: Mapping[str, float] = field(default_factory=dict)
    size_bytes: int = 0
    gpus: float | None = None
    gpu_s: float | None = None
    video_s: float | None = None
    wall_s: float | None = None
    best_retrieval: float | None = None
    best_grounding: float | None = None

    @classmethod
    def of(cls, content: Any, where: str = "run.json") -> "SavedRun":
        """Take over the content of a `run.json`.

        Args:
            content: As parsed from JSON. Names that are not known are passed over.
            where: Named in errors.

        Raises:
            RunError: It is no such content, or a newer Trawl wrote it.
        """
        if not isinstance(content, dict):
            raise RunError(f"{where} is damaged: it holds no JSON object")
        version = content.get("schema_version", SCHEMA_VERSION)
        if type(version) is not int or version < 1:
            raise RunError(f"{where} is damaged: schema_version is {version!r}")
        if version > SCHEMA_VERSION:
            raise RunError(f"{where} was written by a newer Trawl (schema {version}): use that one")
        values: dict[str, Any] = {}
        for item in fields(cls):
            value = content.get(item.name)
            if value is None:
                continue
            expected = _JSON_TYPES[item.name]
            if not isinstance(value, expected) or isinstance(value, bool):
                raise RunError(f"{where} is damaged: {item.name} is {type(value).__name__}")
            values[item.name] = tuple(map(str, value)) if item.name == "texts" else value
        return cls(**values)


_NUMBERS = (
    "published",
    "size_bytes",
    "gpus",
    "gpu_s",
    "video_s",
    "wall_s",
    "best_retrieval",
    "best_grounding",
)
_STRINGS = ("job", "run_id", "started_at", "recipe")
_JSON_TYPES: dict[str, Any] = {
    item.name: (int, float)
    if item.name in _NUMBERS
    else str
    if item.name in _STRINGS
    else list
    if item.name == "texts"
    else dict
    for item in fields(SavedRun)
}


def to_json(job: str, record: Mapping[str, Any], **more: Any) -> bytes:
    """Return the content of `run.json`, without credentials.

    Args:
        job: "index" or "track".
        record: What the job gathered, by name; `more` is added to it.
    """
    content = (
        dict(record)
        | more
        | {
            "job": job,
            "schema_version": SCHEMA_VERSION,
            "ended_at": datetime.now(UTC).isoformat(),
            "versions": versions(),
        }
    )
    return json.dumps(scrubbed(content), indent=2, sort_keys=True, default=str).encode()


def name_of(dataset: str, run_id: str) -> str:
    """Return where in the storage a run's `run.json` lies."""
    return f"{dataset}/runs/{run_id}/run.json"


def read(storage: Storage, dataset: str, run_id: str) -> SavedRun | None:
    """Read a run's `run.json`; None of a run that has none.

    Raises:
        RunError: The file is damaged, or a newer Trawl wrote it.
        StorageError: The storage failed.
    """
    name = name_of(dataset, run_id)
    if not storage.exists(name):
        return None
    where = storage.uri(name)
    try:
        content = json.loads(storage.read_bytes(name))
    except ValueError as error:
        raise RunError(f"{where} is damaged: {error}") from error
    return SavedRun.of(content, where)


def earlier_index_runs(storage: Storage, dataset: str) -> Iterator[SavedRun]:
    """Yield the dataset's index runs that can be read, the latest first."""
    for run_id in storage.folders(f"{dataset}/runs")[::-1][:_RUNS]:
        try:
            run = read(storage, dataset, run_id)
        except RunError:  # an estimate can do without it
            continue
        if run and run.job == "index":
            yield run

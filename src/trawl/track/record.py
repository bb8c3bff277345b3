"""Writes what a tracking run leaves behind for people and programs: the printed summary, `run.json`
and the exit code.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trawl.exits import EXIT_OK, EXIT_SOME_FAILED
from trawl.records.tracking import Clip
from trawl.records.video import Reason
from trawl.runtime import run_file
from trawl.runtime.clock import Clock
from trawl.runtime.progress import format_s
from trawl.runtime.record import line
from trawl.track.task import ClipDone, ClipRefused

_log = logging.getLogger(__name__)


@dataclass
class TrackRecord:
    """Gathers what happens in one run of the tracking job."""

    run_id: str
    config: dict[str, Any]
    texts: list[str] = field(default_factory=list)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    published: int = 0
    recipe: str = ""
    lineage: dict[str, str] = field(default_factory=dict)
    clips: Counter[str] = field(default_factory=Counter)  # planned, finished_before, done, failed
    # frames, tracks, masks, rows, bytes_written
    counts: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)  # tracks by flag
    failures: Counter[str] = field(default_factory=Counter)
    failed_clips: dict[str, str] = field(default_factory=dict)  # clip_id -> reason and message
    best_retrieval: float | None = None
    best_grounding: float = 0.0
    clock: Clock = field(default_factory=Clock)
    cpu_s: dict[str, float] = field(default_factory=dict)  # by part, of all processes together
    # wall, by part, of all tracking actors together
    actor_s: dict[str, float] = field(default_factory=dict)
    gpus: float = 0.0  # held while it worked
    gpu_s: float = 0.0  # in which models were at work, times their share of a GPU
    video_s: float = 0.0  # presentation time of all clips that were tracked
    saved: Counter[str] = field(
        default_factory=Counter
    )  # known from earlier runs: clips, and as in `track/reuse/shelf.py`
    # computed and remembered; both empty where nothing is reused
    made: Counter[str] = field(default_factory=Counter)
    saved_cpu_s: dict[str, float] = field(default_factory=dict)  # by part: what computing it took
    # the highest among actors; absent where not known
    peak_mb: dict[str, float] = field(default_factory=dict)
    stopped: str = ""  # why clips were left undone; "" where none was

    def count(self, clip: Clip, answer: ClipDone | ClipRefused | None) -> None:
        """One clip has its outcome; None: it killed its process three times."""
        if isinstance(answer, ClipDone):
            self.clips["done"] += 1
            counts = {
                name: getattr(answer, name)
                for name in ("frames", "tracks", "masks", "rows", "bytes_written")
            }
            self.counts.update(counts)
            self.gpu_s += answer.gpu_s
            self.video_s += answer.video_s
            self.peak_mb["decoder"] = max(self.peak_mb.get("decoder", 0.0), answer.decoder_mb)
            self.flags += answer.flags
            self.best_grounding = max(self.best_grounding, answer.best_score)
            self.saved += answer.saved
            self.made += answer.made
            sums = (
                (self.cpu_s, answer.cpu_s),
                (self.actor_s, answer.wall_s),
                (self.saved_cpu_s, answer.saved_cpu_s),
            )
            for total, spent in sums:
                for part, seconds in spent.items():
                    total[part] = total.get(part, 0.0) + seconds
            return
        refused = answer or ClipRefused(Reason.WORKER_DIED, "its process died three times")
        self.clips["failed"] += 1
        self.failures[refused.reason.value] += 1
        why = {"reason": refused.reason.value, "message": refused.message}
        told = {"run_id": self.run_id, "video_id": clip.video_id, "clip_id": clip.clip_id} | why
        _log.warning("clip failed", extra={"fields": told})
        where = f"{clip.video_id} {clip.start_s:.1f}-{clip.end_s:.1f} s"
        self.failed_clips[clip.clip_id] = f"{refused.reason.value}: {where}: {refused.message}"

    def count_memory(self, spent: Sequence[tuple[float, float | None]]) -> None:
        """Take over what each tracking actor took at most, MiB: its own process and on its GPU,
        None without one.
        """
        self.peak_mb["track_actor"] = max((own for own, _ in spent), default=0.0)
        if gpu := [on_gpu for _, on_gpu in spent if on_gpu is not None]:
            self.peak_mb["gpu"] = max(gpu)

    @property
    def exit_code(self) -> int:
        """0, or 3 when a clip failed."""
        return EXIT_SOME_FAILED if self.clips["failed"] else EXIT_OK

    def to_json(self) -> bytes:
        """The content of run.json."""
        content = {name: value for name, value in vars(self).items() if name != "clock"}
        return run_file.to_json(
            "track",
            content,
            exit_code=self.exit_code,
            started_at=self.started_at.isoformat(),
            seconds=self.clock.steps,
            wall_s=self.clock.wall_s,
        )


def show(run: TrackRecord, console: Console, where: str) -> None:
    """Print the summary of a finished run.

    Names and messages are shown as they are, never read as markup.
    """
    clips = run.clips
    parts = [f"{clips['planned']:,} in all"]
    parts += [
        f"{clips[kind]:,} {kind.replace('_', ' ')}"
        for kind in ("finished_before", "done", "failed")
        if clips[kind]
    ]
    line(console, "clips", ", ".join(parts))
    if run.counts["frames"]:
        console.print(_work(run), highlight=False)
    if run.saved:
        line(console, "reused", saved_words(run.saved, run.saved_cpu_s))
    line(console, "tracks", _tracks(run))
    if run.flags:
        line(
            console,
            "doubts",
            ", ".join(f"{count:,} {flag}" for flag, count in run.flags.most_common()) + " (tracks)",
        )
    for message in list(run.failed_clips.values())[:5]:
        console.print(
            Text.assemble(("failed     ", "bold red"), message), soft_wrap=True, highlight=False
        )
    if run.stopped:
        line(
            console,
            "stopped",
            f"{run.stopped}: the same command with run_id={run.run_id} goes on with the clips that are left",
        )
    line(
        console, "time", " · ".join(f"{name} {format_s(s)}" for name, s in run.clock.steps.items())
    )
    line(console, "run", where)


def saved_words(saved: Mapping[str, int], cpu_s: Mapping[str, float]) -> str:
    """Describe what earlier runs had computed already.

    >>> saved_words({"frames_grounded": 40, "object_frames": 1200}, {"ground": 2.0, "track": 60.5})
    '40 frames grounded, 1,200 object-frames, 62.5 CPU s saved'
    """
    words = {
        "clips": "whole clips",
        "frames_grounded": "frames grounded",
        "object_frames": "object-frames",
        "crops": "crops",
    }
    known = [f"{saved[kind]:,} {word}" for kind, word in words.items() if saved.get(kind)]
    return ", ".join([*known, f"{sum(cpu_s.values()):,.1f} CPU s saved"])


def _tracks(run: TrackRecord) -> str:
    if run.counts["tracks"]:
        return f"{run.counts['tracks']:,} tracks, {run.counts['masks']:,} masks on {run.counts['frames']:,} frames"
    if run.clips["finished_before"] and not run.clips["done"]:
        return "nothing was left to do"
    if run.best_retrieval is None:
        return "none: the index holds no frame that could answer"
    return (
        f"none: nothing like this was found; the best frame scored {run.best_retrieval:.3f}, "
        f"the best detection {run.best_grounding:.3f}"
    )


def _work(run: TrackRecord) -> Table:
    """CPU seconds by part."""
    table = Table("work", "CPU s", "ms/frame", box=None, header_style="dim", pad_edge=False)
    for name, cpu_s in sorted(run.cpu_s.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{cpu_s:,.1f}", f"{1000 * cpu_s / run.counts['frames']:,.1f}")
    return table

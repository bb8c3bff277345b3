"""Writes what a run leaves behind for people and programs: the printed summary, `run.json` and the
exit code.

Counts only; it decides nothing. The same numbers stand in both, so that nobody has to parse a
terminal.
"""

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trawl.exits import EXIT_TOO_MANY_FAILED
from trawl.index.dispatch import Finished, Refused
from trawl.index.outcome import Failed, Indexed, Outcome
from trawl.runtime import run_file
from trawl.runtime.clock import Clock
from trawl.runtime.progress import format_s
from trawl.runtime.record import exit_code_of, line, new_run_id

_log = logging.getLogger(__name__)


@dataclass
class RunRecord:
    """Gathers what happens in one run of the index job."""

    config: dict[str, Any]
    run_id: str = field(default_factory=new_run_id)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    plan: dict[str, int] = field(default_factory=dict)
    # files of the corpus that are no videos, by suffix
    ignored: dict[str, int] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    failed_examples: dict[str, str] = field(default_factory=dict)
    damaged: int = 0
    size_bytes: int = 0  # of the videos that have their outcome
    stopped: str = ""  # why work was left for the next run; "" where none was
    left: int = 0  # videos of the plan that this run did not come to
    gpus: float = 0.0  # held while it worked
    frames: Counter[str] = field(default_factory=Counter)
    video_s: float = 0.0  # duration of the videos that were indexed
    clock: Clock = field(default_factory=Clock)
    # of all processes together
    cpu_s: dict[str, float] = field(default_factory=lambda: {"decode": 0.0, "embed": 0.0})
    actor_s: dict[str, float] = field(
        default_factory=lambda: {"fetch": 0.0, "wait_for_embedding": 0.0}
    )  # wall, decoders'
    # resident memory, the highest among actors of a kind
    peak_mb: dict[str, float] = field(default_factory=dict)
    recipe: str = ""
    published: int | None = None  # what queries read when the run was over
    # videos that the run's recipe, built beside the published one, still needs before it takes over
    awaited: int = 0

    @property
    def seconds(self) -> dict[str, float]:
        """Wall, by stage of the job, one after the other."""
        return self.clock.steps

    def count(self, outcome: Outcome) -> None:
        """One video has its outcome."""
        self.size_bytes += outcome.video.size_bytes
        _tell(outcome)
        if isinstance(outcome, Failed):
            self.outcomes["failed"] += 1
            self.failures[outcome.reason.value] += 1
            self.failed_examples.setdefault(
                outcome.reason.value, f"{outcome.video.video_id}: {outcome.message}"
            )
            return
        assert isinstance(outcome, Indexed)
        self.outcomes["indexed"] += 1
        self.damaged += bool(outcome.damage)
        self.video_s += outcome.facts.duration_s

    def count_unit(self, event: Finished | Refused) -> int:
        """Add a unit's work to the totals; returns the frames that it embedded."""
        if isinstance(event, Refused):
            return 0
        done = event.done
        self.frames.update(
            decoded=done.frames_decoded,
            embedded=done.frames_embedded,
            substituted=done.frames_substituted,
        )
        self.cpu_s["decode"] += done.decode_cpu_s
        told = {"frames": done.frames_embedded, "decode_cpu_s": done.decode_cpu_s}
        _log.debug(
            "unit embedded", extra={"fields": {"video_id": event.unit.video.video_id} | told}
        )
        self.actor_s["fetch"] += done.fetch_s
        self.actor_s["wait_for_embedding"] += done.embed_wait_s
        self.peak_mb["decoder"] = max(self.peak_mb.get("decoder", 0.0), done.decoder_mb)
        return done.frames_embedded

    @property
    def failed_fraction(self) -> float:
        """Return the fraction of tried videos that failed; 0 if none was tried."""
        return self.outcomes["failed"] / max(1, self.outcomes.total())

    @property
    def exit_code(self) -> int:
        """Return the exit code of this run alone; see `exit_code_of`."""
        return exit_code_of(
            self.outcomes["failed"], self.outcomes.total(), self.config.get("max_failed_fraction")
        )

    def to_json(self) -> bytes:
        """The content of run.json."""
        content = {name: value for name, value in vars(self).items() if name != "clock"}
        return run_file.to_json(
            "index",
            content,
            seconds=self.seconds,
            exit_code=self.exit_code,
            started_at=self.started_at.isoformat(),
            wall_s=self.clock.wall_s,
        )


def _tell(outcome: Outcome) -> None:
    """Each failed video is a line of the log; of the others, which may be millions, only the
    metrics hear.
    """
    fields: dict[str, Any] = {
        "video_id": outcome.video.video_id,
        "size_bytes": outcome.video.size_bytes,
    }
    if isinstance(outcome, Indexed):
        _log.debug("video indexed", extra={"fields": fields})
        return
    why = {"reason": outcome.reason.value, "message": outcome.message, "attempts": outcome.attempts}
    _log.warning("video failed", extra={"fields": fields | why})


def show(run: RunRecord, console: Console, where: str) -> None:
    """Print the summary of a finished run.

    Names and messages are shown as they are, never read as markup.
    """
    kinds = ("new", "changed", "removed", "retry", "unchanged", "failed", "quarantined")
    found = [f"{run.plan[kind]:,} {kind}" for kind in kinds if run.plan.get(kind)]
    line(console, "corpus", ", ".join(found))
    if run.ignored:
        some = sorted(run.ignored.items(), key=lambda item: -item[1])[:5]
        line(
            console,
            "ignored",
            ", ".join(f"{count:,} {suffix}" for suffix, count in some)
            + ": no videos by their names",
        )
    if run.outcomes:
        console.print(_outcomes(run), _work(run), sep="\n", highlight=False)
    elif not run.plan.get("removed"):
        line(
            console, "nothing to do", "every video is as the index knows it; no frame was embedded"
        )
    if run.plan.get("failed") or run.plan.get("quarantined"):
        line(
            console,
            "left alone",
            "what failed earlier; jobs.failures says why, retry=failed tries it again",
        )
    if run.stopped:
        line(console, "stopped", f"{run.stopped}: {run.left:,} videos are left for the next run")
    if run.exit_code == EXIT_TOO_MANY_FAILED:
        limit = run.config["max_failed_fraction"]
        line(
            console,
            "too many",
            f"{run.failed_fraction:.1%} of the videos failed, max_failed_fraction={limit:g} allows less",
        )
    line(
        console,
        "time",
        " · ".join(f"{name.replace('_', '-')} {format_s(s)}" for name, s in run.seconds.items()),
    )
    if run.awaited:
        waits = f"recipe {run.recipe} is built beside it, and published when {run.awaited:,} more videos are done"
        line(console, "published", f"version {run.published}, as before; {waits}")
    else:
        line(console, "published", f"version {run.published} · recipe {run.recipe}")
    line(console, "run", where)


def _outcomes(run: RunRecord) -> Table:
    table = Table("outcome", "videos", "", box=None, header_style="dim", pad_edge=False)
    table.add_row(
        "indexed",
        f"{run.outcomes['indexed']:,}",
        f"{run.damaged:,} of them damaged" if run.damaged else "",
    )
    for reason, count in run.failures.most_common():
        table.add_row(
            Text(reason, "red"), f"{count:,}", Text(f"such as {run.failed_examples[reason]}")
        )
    return table


def _work(run: RunRecord) -> Table:
    """Throughput of each kind of work, and of the whole while it was running."""
    table = Table(
        "work",
        "frames",
        "CPU s",
        "frames/s of one core",
        box=None,
        header_style="dim",
        pad_edge=False,
    )
    for name, frames in (("decode", run.frames["decoded"]), ("embed", run.frames["embedded"])):
        cpu = run.cpu_s[name]
        table.add_row(name, f"{frames:,}", f"{cpu:,.1f}", f"{frames / cpu:,.0f}" if cpu else "")
    wall = run.seconds.get("work", 0.0)
    table.add_row(
        "all of it",
        f"{run.frames['embedded']:,}",
        f"{sum(run.cpu_s.values()):,.1f}",
        f"in {format_s(wall)}",
    )
    return table

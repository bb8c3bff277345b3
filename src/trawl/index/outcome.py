"""Puts the units of a video together again: one outcome per video, one row in the ledger.

"Indexed", "failed" and "quarantined" are different things, and a video is indexed only when all of
its units are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from trawl.index.actors import UnitDone, VideoFacts
from trawl.index.dispatch import Finished, Refused
from trawl.records.video import MAX_ATTEMPTS, Reason, Status, VideoFile
from trawl.storage.veil import scrub, veil


@dataclass(frozen=True, slots=True)
class Indexed:
    """A video all of whose units are embedded.

    `rows` are references to their tables, in order of time.
    """

    video: VideoFile
    facts: VideoFacts
    decoder: str
    frames_decoded: int
    frames_embedded: int
    frames_substituted: int
    damage: str
    rows: tuple[Any, ...]
    earlier: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A video that cannot be used."""

    video: VideoFile
    reason: Reason
    message: str
    attempts: int  # at these bytes, in all runs, this one included


Outcome = Indexed | Failed


@dataclass
class Gatherer:
    """Keeps the finished units of videos that are not complete yet; memory is bounded by the videos
    in flight.
    """

    _parts: dict[str, dict[int, Finished]] = field(default_factory=dict)
    _failed: dict[str, int] = field(default_factory=dict)

    def add(self, event: Finished | Refused) -> Iterator[Outcome]:
        """Yields the video's outcome when this was its last missing unit, or its first refused one."""
        video_id = event.unit.video.video_id
        if isinstance(event, Refused):
            if video_id not in self._failed:
                self._parts.pop(video_id, None)
                self._failed[video_id] = 1
                message = scrub(event.message, event.unit.video.uri)
                yield Failed(event.unit.video, event.reason, message, event.unit.earlier + 1)
            return
        if video_id in self._failed:
            return  # a sibling span was refused; this one's rows are let go
        parts = self._parts.setdefault(video_id, {})
        parts[event.unit.number] = event
        if 0 in parts and len(parts) == 1 + len(parts[0].done.rest):
            del self._parts[video_id]
            yield _join([parts[number] for number in sorted(parts)])


def _join(parts: list[Finished]) -> Indexed:
    done: list[UnitDone] = [part.done for part in parts]
    return Indexed(
        parts[0].unit.video,
        done[0].facts,
        "+".join(sorted({d.decoder for d in done})),
        sum(d.frames_decoded for d in done),
        sum(d.frames_embedded for d in done),
        sum(d.frames_substituted for d in done),
        "; ".join(sorted({d.damage for d in done if d.damage})),
        tuple(part.rows for part in parts if part.done.frames_embedded),
        parts[0].unit.earlier,
    )


def ledger_row(outcome: Outcome, run_id: str) -> dict[str, Any]:
    """A row of `schemas.VIDEOS`. The third failed attempt at the same bytes quarantines a video."""
    video = outcome.video
    row: dict[str, Any] = {
        "video_id": video.video_id,
        "uri": veil(video.uri),
        "fingerprint": video.fingerprint,
        "size_bytes": video.size_bytes,
        "metadata": video.metadata_json,
        "run_id": run_id,
        "updated_at": datetime.now(UTC),
    }
    if isinstance(outcome, Failed):
        status = Status.QUARANTINED if outcome.attempts >= MAX_ATTEMPTS else Status.FAILED
        return row | {
            "status": status.value,
            "reason": outcome.reason.value,
            "message": outcome.message[:1000],
            "attempts": outcome.attempts,
        }
    return row | {
        "status": Status.INDEXED.value,
        "attempts": 0,
        "duration_s": outcome.facts.duration_s,
        "fps": outcome.facts.fps,
        "width": outcome.facts.width,
        "height": outcome.facts.height,
        "rotation_deg": outcome.facts.rotation_deg,
        "container": outcome.facts.container,
        "codec": outcome.facts.codec,
        "decoder": outcome.decoder,
        "num_frames": outcome.facts.num_frames,
        "frames_decoded": outcome.frames_decoded,
        "frames_embedded": outcome.frames_embedded,
        "frames_substituted": outcome.frames_substituted,
        "damage": outcome.damage or None,
    }

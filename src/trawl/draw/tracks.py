"""Holds the tracks of a run as pages show them, grouped by clip.

Reads rows of `schemas.TRACKS`, without the columns that only pictures need.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """Holds part of one row of `schemas.TRACKS`."""

    track_id: str
    clip_id: str
    video_id: str
    uri: str
    text: str
    clip_start_s: float
    clip_end_s: float
    start_s: float
    end_s: float
    num_masks: int
    num_inferred: int
    height: int
    width: int
    retrieval_score: float
    grounding_score: float
    grounding_mean: float | None
    mean_score: float
    mean_speed: float
    max_speed: float
    direction_deg: float | None
    gaps: tuple[tuple[float, float], ...]
    flags: tuple[str, ...]
    fingerprint: str
    recipe: str
    embedder: str
    grounder: str
    tracker: str

    @property
    def number(self) -> int:
        """Return the object's number in its clip, the end of the track's id."""
        return int(self.track_id.rpartition("-")[2])


COLUMNS = tuple(item.name for item in fields(TrackFacts))


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """Holds a clip with at least one track, ordered by number."""

    clip_id: str
    video_id: str
    uri: str
    fingerprint: str
    start_s: float
    end_s: float
    size: tuple[int, int]  # (height, width) of the video as displayed
    tracks: tuple[TrackFacts, ...]

    @property
    def texts(self) -> list[str]:
        """Return the phrases that named its objects, each once."""
        return list(dict.fromkeys(track.text for track in self.tracks))

    @property
    def best(self) -> float:
        """Return the highest grounding score times mean mask score among its tracks."""
        return max(track.grounding_score * track.mean_score for track in self.tracks)


def from_row(row: Mapping[str, Any]) -> TrackFacts:
    """Convert a row of a pyarrow table with `COLUMNS`, as `to_pylist` returns it."""
    values = {name: row[name] for name in COLUMNS}
    values["gaps"] = tuple((gap["start_s"], gap["end_s"]) for gap in row["gaps"])
    values["flags"] = tuple(row["flags"])
    return TrackFacts(**values)


def by_clip(tracks: Iterable[TrackFacts]) -> list[ClipFacts]:
    """Group tracks by clip, in order of each clip's first track."""
    grouped: dict[str, list[TrackFacts]] = {}
    for track in tracks:
        grouped.setdefault(track.clip_id, []).append(track)
    return [_clip(sorted(group, key=lambda track: track.number)) for group in grouped.values()]


def _clip(group: list[TrackFacts]) -> ClipFacts:
    first = group[0]
    return ClipFacts(
        first.clip_id,
        first.video_id,
        first.uri,
        first.fingerprint,
        first.clip_start_s,
        first.clip_end_s,
        (first.height, first.width),
        tuple(group),
    )

"""What a tracking run came to, in numbers: from its tracks, and from what its `run.json` says of
failures and time.

Whatever `run.json` lacks is left out: a run that is still going, or was killed, has none.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trawl.draw.doubt import is_doubtful
from trawl.draw.tracks import TrackFacts


@dataclass(frozen=True, slots=True)
class RunCounts:
    """clips: finished ones; empty_clips: of those, without a track. flags: (flag, tracks that carry
    it), most first. failures: (reason, clips, what was said of them), most first. seconds: (stage,
    wall seconds), most first; wall_s: of the whole run. best_retrieval, best_grounding: the highest
    scores seen, for a run that found nothing. None: run.json does not say.
    """

    clips: int
    empty_clips: int
    videos: int
    tracks: int
    masks: int
    inferred: int
    doubtful: int
    flags: tuple[tuple[str, int], ...]
    failures: tuple[tuple[str, int, tuple[str, ...]], ...]
    seconds: tuple[tuple[str, float], ...]
    wall_s: float | None
    best_retrieval: float | None
    best_grounding: float | None

    @property
    def failed(self) -> int:
        """Clips that failed, for whatever reason."""
        return sum(count for _, count, _ in self.failures)


def count(tracks: Sequence[TrackFacts], clips: int, record: Mapping[str, Any]) -> RunCounts:
    """
    Args:
        tracks: all of the run.
        clips: how many it has finished.
        record: the content of its run.json, or {}: `failures` {reason: clips}, `failed_clips`
            {clip_id: "reason: message"}, `seconds` {stage: seconds}, `wall_s`, `best_retrieval` and
            `best_grounding` are read.
    """
    flags = Counter(flag for track in tracks for flag in set(track.flags))
    said = [str(text) for text in (record.get("failed_clips") or {}).values()]
    failures = _most_first(record.get("failures"))
    return RunCounts(
        clips=clips,
        empty_clips=clips - len({track.clip_id for track in tracks}),
        videos=len({track.video_id for track in tracks}),
        tracks=len(tracks),
        masks=sum(track.num_masks for track in tracks),
        inferred=sum(track.num_inferred for track in tracks),
        doubtful=sum(map(is_doubtful, tracks)),
        flags=tuple(_most_first(flags)),
        failures=tuple((reason, int(n), _of_reason(reason, said)) for reason, n in failures),
        seconds=tuple(_most_first(record.get("seconds"))),
        wall_s=_number(record.get("wall_s")),
        best_retrieval=_number(record.get("best_retrieval")),
        best_grounding=_number(record.get("best_grounding")),
    )


def _of_reason(reason: str, said: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        text.removeprefix(f"{reason}: ") for text in said if text.startswith(f"{reason}: ")
    )


def _most_first(found: Any) -> list[tuple[str, Any]]:
    """The pairs of a JSON object whose values are numbers above 0."""
    pairs = found.items() if isinstance(found, Mapping) else ()
    numbers = [(str(key), value) for key, value in pairs if _number(value)]
    return sorted(numbers, key=lambda pair: (-pair[1], pair[0]))


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None

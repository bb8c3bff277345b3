"""Sums up a tracking run in numbers: from its tracks, and from what its `run.json` says of failures
and time.

Whatever `run.json` lacks is left out: a run that is still going, or was killed, has none.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trawl.draw.doubt import is_doubtful
from trawl.draw.tracks import TrackFacts
from trawl.runtime.run_file import SavedRun


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


def count(tracks: Sequence[TrackFacts], clips: int, saved: SavedRun) -> RunCounts:
    """
    Args:
        tracks: all of the run.
        clips: how many it has finished.
        saved: its run.json; SavedRun() where there is none.
    """
    flags = Counter(flag for track in tracks for flag in set(track.flags))
    messages = [str(text) for text in saved.failed_clips.values()]
    failures = _most_first(saved.failures)
    return RunCounts(
        clips=clips,
        empty_clips=clips - len({track.clip_id for track in tracks}),
        videos=len({track.video_id for track in tracks}),
        tracks=len(tracks),
        masks=sum(track.num_masks for track in tracks),
        inferred=sum(track.num_inferred for track in tracks),
        doubtful=sum(map(is_doubtful, tracks)),
        flags=tuple(_most_first(flags)),
        failures=tuple((reason, int(n), _of_reason(reason, messages)) for reason, n in failures),
        seconds=tuple(_most_first(saved.seconds)),
        wall_s=saved.wall_s,
        best_retrieval=saved.best_retrieval,
        best_grounding=saved.best_grounding,
    )


def _of_reason(reason: str, messages: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        text.removeprefix(f"{reason}: ") for text in messages if text.startswith(f"{reason}: ")
    )


def _most_first(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the pairs whose values are numbers above 0."""
    numbers = [(str(key), value) for key, value in values.items() if _number(value)]
    return sorted(numbers, key=lambda pair: (-pair[1], pair[0]))


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None

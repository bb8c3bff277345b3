"""Chooses the tracks to look at first and words their doubts.

Two measures suggest that a whole track may be wrong: masks that the tracker itself doubts, and an
object that is detected as its text on few of the searched frames. Together they name 74 % of the
wrong tracks of the demo's train part, and 78 % of the tracks that they name are wrong. "Any flag"
names 94 %, and less than half of those are wrong (docs/tuning.md). So flags say where to look, and
make no track doubtful by themselves.
"""

from collections.abc import Sequence

from trawl.draw.tracks import TrackFacts
from trawl.records.tracking import Flag

MEANING: dict[str, str] = {
    Flag.LOST: "the object was lost and not found again before the clip's end",
    Flag.AREA_JUMP: "its size changed abruptly from one frame to the next",
    Flag.SPEED: "it moved faster than objects do",
    Flag.LOW_SCORE: "the tracker itself doubts the mask",
    Flag.IDENTITY_SWITCH: "place and looks changed together: likely another object",
    Flag.APPEARANCE: "it does not look like the rest of its track",
    Flag.OVERLAP: "some of its pixels went to another object with a better score",
    Flag.BORDER: "it touches the picture's border: part of it may be outside",
}
WEAK = 0.7  # mean score of the masks
SELDOM = 0.4  # mean detection score over that of the best detection


def in_words(flag: str) -> str:
    """Return a flag in words.

    >>> in_words("area_jump")
    'area jump'
    """
    return flag.replace("_", " ")


def reasons(track: TrackFacts) -> list[tuple[str, str]]:
    """Return why a track may be wrong, as pairs of a short name and the figures."""
    doubts = []
    if track.mean_score < WEAK:
        doubts.append(
            ("weak masks", f"their mean score is {track.mean_score:.2f}, less than {WEAK:g}")
        )
    if track.grounding_mean is not None and track.grounding_mean < SELDOM * track.grounding_score:
        share = track.grounding_mean / track.grounding_score
        doubts.append(
            (
                "seldom seen as its text",
                f"{share:.0%} of its best detection on average, less than {SELDOM:.0%}",
            )
        )
    return doubts


def is_doubtful(track: TrackFacts) -> bool:
    """Return whether there is a reason to think that the track is wrong."""
    return bool(reasons(track))


def doubt(track: TrackFacts) -> tuple[int, float, float]:
    """Return a sort key that is highest for the most doubtful track.

    The key holds the number of reasons, the share of frames without a mask, and minus the mean
    score.
    """
    rows = track.num_masks + track.num_inferred
    return len(reasons(track)), track.num_inferred / max(rows, 1), -track.mean_score


def worst_first(tracks: Sequence[TrackFacts]) -> list[TrackFacts]:
    """Return the doubtful tracks among `tracks`, most doubtful first."""
    return sorted(filter(is_doubtful, tracks), key=doubt, reverse=True)

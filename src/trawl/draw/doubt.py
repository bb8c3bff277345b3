"""Which tracks to look at first, and what each doubt means in words.

Two measures say that a track as a whole may be wrong: masks that the tracker itself doubts, and an
object that is seen as its text on few of the frames that were searched. Together they name 74 % of
the wrong tracks of the demo's train part, and 78 % of those that they name are wrong; "any flag"
names 94 %, and less than half of what it names is wrong (docs/tuning.md). So flags say where to
look, and make no track doubtful by themselves.
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
    """
    >>> in_words("area_jump")
    'area jump'
    """
    return flag.replace("_", " ")


def reasons(track: TrackFacts) -> list[tuple[str, str]]:
    """Why a track may be wrong: a short name, and the figures; none for one that looks well."""
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
    """Whether there is a reason to think that the track is wrong."""
    return bool(reasons(track))


def doubt(track: TrackFacts) -> tuple[int, float, float]:
    """To sort by, the most doubtful highest: reasons, share of frames without a mask, and how low
    the mean score is.
    """
    rows = track.num_masks + track.num_inferred
    return len(reasons(track)), track.num_inferred / max(rows, 1), -track.mean_score


def worst_first(tracks: Sequence[TrackFacts]) -> list[TrackFacts]:
    """The doubtful ones among `tracks`."""
    return sorted(filter(is_doubtful, tracks), key=doubt, reverse=True)

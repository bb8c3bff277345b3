"""Which tracks to look at first, and what each doubt means in words.

The tracker's own flags decide and no threshold of ours does: a track is doubtful if it carries a flag that may mean that it is
wrong. Touching the border and giving pixels to a neighbour are common and harmless, so these alone make nothing doubtful.
"""

from collections.abc import Sequence

from trawl.records import Flag
from trawl.report.tracks import TrackFacts

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
_HARMLESS = frozenset({Flag.BORDER.value, Flag.OVERLAP.value})


def in_words(flag: str) -> str:
    """
    >>> in_words("area_jump")
    'area jump'
    """
    return flag.replace("_", " ")


def is_harmless(flag: str) -> bool:
    """Whether the flag alone makes no track doubtful."""
    return flag in _HARMLESS


def is_doubtful(track: TrackFacts) -> bool:
    """Whether the track carries a flag that may mean that it is wrong."""
    return bool(set(track.flags) - _HARMLESS)


def doubt(track: TrackFacts) -> tuple[int, float, float]:
    """To sort by, the most doubtful highest: kinds of doubt, share of frames without a mask, and how low the mean score is."""
    rows = track.num_masks + track.num_inferred
    return len(set(track.flags) - _HARMLESS), track.num_inferred / max(rows, 1), -track.mean_score


def worst_first(tracks: Sequence[TrackFacts]) -> list[TrackFacts]:
    """The doubtful ones among `tracks`."""
    return sorted(filter(is_doubtful, tracks), key=doubt, reverse=True)

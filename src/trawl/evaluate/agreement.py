"""Checks that a ground truth is of the videos that were indexed and tracked.

A ground truth of other videos, sizes, lengths or frame rates would not fail later: it would give
low scores. So every mismatch is collected; the message names the first and counts the others. A
video that is merely not annotated is no mismatch: it is left out and counted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from trawl.errors import TruthError
from trawl.evaluate.truth import Truth
from trawl.evaluate.truth.indexed import IndexedVideo, IndexedVideos, StatedFacts
from trawl.records.tracking import Clip

_SAME_RATE = 0.51  # frames a second; MOTChallenge rounds its rates to whole numbers
_KINDS = {
    "indexed": "not in the index",
    "annotated": "without ground truth",
    "size": "of another size",
    "frames": "of another length",
    "rate": "of another frame rate",
    "masks": "without masks",
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Holds what can be measured.

    Args:
        video_ids: Videos that are indexed and annotated, sorted.
        without_truth: Number of indexed videos without ground truth.
        clips: Number of the run's clips in annotated videos.
        clips_without_truth: Number of the run's clips in other videos.
        masks: Whether the ground truth has masks.
        identities: Whether the ground truth has identities.
    """

    video_ids: tuple[str, ...]
    without_truth: int
    clips: int
    clips_without_truth: int
    masks: bool
    identities: bool

    @property
    def why_no_masks(self) -> str:
        """Return why metrics of masks are null, or ""."""
        return "" if self.masks else "the ground truth has boxes and no masks"

    @property
    def why_no_identities(self) -> str:
        """Return why metrics of identities are null, or ""."""
        return (
            ""
            if self.identities
            else "the ground truth does not say which annotations are of the same object"
        )

    def notes(self) -> list[str]:
        """Return what is left out, as sentences."""
        notes = []
        if self.without_truth:
            notes.append(
                f"{self.without_truth:,} of {len(self.video_ids) + self.without_truth:,} indexed videos have no "
                "ground truth: left out"
            )
        if self.clips_without_truth:
            notes.append(
                f"{self.clips_without_truth:,} of {self.clips + self.clips_without_truth:,} clips are of such "
                "videos: left out"
            )
        return [*notes, *filter(None, (self.why_no_masks, self.why_no_identities))]


def check(truth: Truth, indexed: IndexedVideos, clips: Sequence[Clip] = ()) -> Agreement:
    """Compare a ground truth with the index and a run's clips, without reading masks.

    Args:
        indexed: The videos of the publication that the run searched.
        clips: The run's clips; empty if only retrieval is measured.

    Raises:
        TruthError: They disagree; the message names the first mismatch and counts the rest by kind.
    """
    video_ids = truth.video_ids()
    stated = {video_id: truth.stated(video_id) for video_id in video_ids}
    mismatches = list(_mismatches(truth, stated, indexed))
    if mismatches:
        raise TruthError(_message(mismatches))
    annotated = set(video_ids)
    evaluated = sum(clip.video_id in annotated for clip in clips)
    if clips and not evaluated:
        raise TruthError(
            f"none of the run's {len(clips)} clips is of a video with ground truth, "
            f"{clips[0].video_id} for one: is "
            f"dataset.truth.part the part that was tracked? Annotated are {_some(video_ids)}"
        )
    return Agreement(
        video_ids=tuple(video_ids),
        without_truth=len(indexed.videos) - len(video_ids),
        clips=evaluated,
        clips_without_truth=len(clips) - evaluated,
        masks=any(facts.masks for facts in stated.values()),
        identities=all(facts.identities for facts in stated.values()),
    )


def _mismatches(
    truth: Truth, stated: dict[str, StatedFacts], indexed: IndexedVideos
) -> Iterator[tuple[str, str]]:
    """Yield (kind, message) of every mismatch, video by video."""
    masks = any(facts.masks for facts in stated.values())
    for video_id, stated_facts in stated.items():
        facts = indexed.videos.get(video_id)
        if facts is None:
            yield (
                "indexed",
                f"{video_id} is in the ground truth and not in the index, which holds "
                f"{_some(indexed.videos)}",
            )
            continue
        yield from _differences(video_id, stated_facts, facts)
        if masks and not stated_facts.masks:
            yield (
                "masks",
                f"{video_id} has boxes and no masks in the ground truth, and other videos have "
                "masks",
            )
    if truth.whole:
        for video_id in sorted(indexed.videos.keys() - stated.keys()):
            yield (
                "annotated",
                f"{video_id} is in the index and not in the ground truth, which should annotate every "
                "video",
            )


def _differences(
    video_id: str, stated: StatedFacts, facts: IndexedVideo
) -> Iterator[tuple[str, str]]:
    height, width = stated.height, stated.width
    if (
        height is not None
        and width is not None
        and not _same_shape((height, width), (facts.height, facts.width))
    ):
        turned = _same_shape((width, height), (facts.height, facts.width))
        yield (
            "size",
            f"{video_id} is {width} x {height} pixels in the ground truth and {facts.width} x "
            f"{facts.height} in the index"
            f"{': is it annotated before rotation?' if turned else ''}",
        )
    if stated.num_frames not in (None, facts.num_frames):
        yield (
            "frames",
            f"{video_id} has {stated.num_frames} frames in the ground truth and {facts.num_frames} "
            "in the index",
        )
    elif stated.last_index >= facts.num_frames:
        one_more = stated.last_index == facts.num_frames
        yield (
            "frames",
            f"{video_id} is annotated up to frame {stated.last_index}, counted from 0, and the "
            f"index has {facts.num_frames} frames"
            f"{': do its frames count from 1? Then say dataset.truth.first_frame=1' if one_more else ''}",
        )
    if stated.fps is not None and facts.fps and abs(stated.fps - facts.fps) > _SAME_RATE:
        yield (
            "rate",
            f"{video_id} has {stated.fps:g} frames a second in the ground truth and {facts.fps:g} "
            "in the index",
        )


def _same_shape(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Return whether two sizes are of one picture.

    Ground truths are often of smaller pictures, rounded to whole pixels.
    """
    return abs(a[0] * b[1] - a[1] * b[0]) <= max(*a, *b)


def _message(mismatches: Sequence[tuple[str, str]]) -> str:
    first, rest = mismatches[0][1], Counter(kind for kind, _ in mismatches[1:])
    if not rest:
        return f"the ground truth does not match: {first}"
    counted = ", ".join(f"{rest[kind]:,} {words}" for kind, words in _KINDS.items() if rest[kind])
    return f"the ground truth does not match: {first}; {rest.total():,} more mismatches ({counted})"


def _some(names: Iterable[str], limit: int = 3) -> str:
    """Name the first few of some names.

    >>> _some(["c", "a", "b", "d"]), _some([])
    ('a, b, c and 1 more', 'nothing')
    """
    ordered = sorted(names)
    more = f" and {len(ordered) - limit:,} more" if len(ordered) > limit else ""
    return (", ".join(ordered[:limit]) + more) or "nothing"

"""Which true objects count: those that answer a text and are seen enough in a stretch of video to
be asked for.

A true object counts where it is seen on at least `min_share` of the frames, at least
`min_visibility` of it at once somewhere. One that answers the text and is seen less than that is
ignored: neither finding nor missing it is a mistake.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from trawl.config.steps import EvaluationConfig
from trawl.records.arrays import Indices
from trawl.records.truth import TruthObject, TruthQuery, TruthVideo


class Answers:
    """What the truth knows of texts, whatever their case, spacing and article."""

    def __init__(self, queries: Iterable[TruthQuery]) -> None:
        self._queries: dict[str, TruthQuery] = {}
        for query in queries:
            self._queries.setdefault(plain(query.text), query)

    def knows(self, text: str) -> bool:
        return plain(text) in self._queries

    def slices(self, text: str) -> tuple[str, ...]:
        return self._queries[plain(text)].slices

    def objects(self, text: str, video_id: str) -> tuple[int, ...]:
        """object_ids that answer a text in one video, sorted; none where the video is no answer to
        all of it.
        """
        groups = self._queries[plain(text)].groups.get(video_id, ())
        return tuple(sorted({one for group in groups for one in group}))

    def in_stretch(
        self, text: str, video: TruthVideo, frames: Indices, config: EvaluationConfig
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(object_ids that count, object_ids that are seen too little to count) among a stretch's
        frames.
        """
        mine = set(self.objects(text, video.video_id))
        objects = [one for one in video.objects if one.object_id in mine]
        wanted = tuple(one.object_id for one in objects if counts(one, frames, config))
        seen = (one.object_id for one in objects if len(seen_on(one, frames)))
        return wanted, tuple(one for one in seen if one not in wanted)


def counts(one: TruthObject, frames: Indices, config: EvaluationConfig) -> bool:
    """Whether an object is seen enough on these frames, (F,) int64."""
    visibility = one.visibility[np.isin(one.frame_index, frames)]
    seen = visibility[visibility > 0]
    return (
        len(seen) > 0
        and len(seen) >= config.min_share * len(frames)
        and float(seen.max()) >= config.min_visibility - 1e-6  # stored as float32
    )


def seen_on(one: TruthObject, frames: Indices) -> Indices:
    """Those of the frames on which any of an object is seen."""
    return one.frame_index[np.isin(one.frame_index, frames) & (one.visibility > 0)]


def plain(text: str) -> str:
    """A text without what does not change its meaning.

    >>> plain("  A red  Star")
    'red star'
    """
    return re.sub(r"^(a|an|the) ", "", " ".join(text.lower().split()))


@dataclass(frozen=True, slots=True)
class Corpus:
    """What there is to be found at all. objects: (text, video_id, object_id) of every one that
    counts in its video as a whole;
    slices: of each text."""

    objects: frozenset[tuple[str, str, int]]
    slices: Mapping[str, tuple[str, ...]]


def corpus(
    videos: Iterable[TruthVideo], texts: Iterable[str], answers: Answers, config: EvaluationConfig
) -> Corpus:
    """All objects of the corpus part that the texts name. Reads every video, one at a time.

    texts: as they were asked, those that found nothing included; texts that the truth does not know
    are left out.
    """
    known = sorted({text for text in texts if answers.knows(text)})
    found = set()
    for video in videos:
        named = {text: set(answers.objects(text, video.video_id)) for text in known}
        for one in video.objects:
            if any(one.object_id in mine for mine in named.values()) and counts(
                one, video.frame_index, config
            ):
                found |= {
                    (text, video.video_id, one.object_id)
                    for text in known
                    if one.object_id in named[text]
                }
    return Corpus(frozenset(found), {text: answers.slices(text) for text in known})

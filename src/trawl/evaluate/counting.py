"""Decides which true objects count: those that answer a text and are seen enough.

An object counts if it is seen on at least `min_share` of the frames, and at least `min_visibility`
of it is visible on one of them. An object that answers the text but is seen less is ignored:
neither finding nor missing it is a mistake.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from trawl.config.steps import EvaluationConfig
from trawl.records.arrays import Indices
from trawl.records.truth import TruthObject, TruthQuery, TruthVideo


class Answers:
    """Looks up texts in the ground truth, whatever their case, spacing and article."""

    def __init__(self, queries: Iterable[TruthQuery]) -> None:
        self._queries: dict[str, TruthQuery] = {}
        for query in queries:
            self._queries.setdefault(plain(query.text), query)

    def knows(self, text: str) -> bool:
        return plain(text) in self._queries

    def slices(self, text: str) -> tuple[str, ...]:
        return self._queries[plain(text)].slices

    def objects(self, text: str, video_id: str) -> tuple[int, ...]:
        """Return the object_ids that answer a text in one video, sorted.

        Empty if the video does not answer all of the text.
        """
        groups = self._queries[plain(text)].groups.get(video_id, ())
        return tuple(sorted({object_id for group in groups for object_id in group}))

    def in_stretch(
        self, text: str, video: TruthVideo, frames: Indices, config: EvaluationConfig
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return (object_ids that count, object_ids to ignore) on the frames of a stretch."""
        object_ids = set(self.objects(text, video.video_id))
        objects = [truth for truth in video.objects if truth.object_id in object_ids]
        targets = tuple(truth.object_id for truth in objects if counts(truth, frames, config))
        visible_ids = (truth.object_id for truth in objects if len(seen_on(truth, frames)))
        return targets, tuple(truth for truth in visible_ids if truth not in targets)


def counts(truth: TruthObject, frames: Indices, config: EvaluationConfig) -> bool:
    """Return whether an object is seen enough on these frames, (F,) int64."""
    visibility = truth.visibility[np.isin(truth.frame_index, frames)]
    visible = visibility[visibility > 0]
    return (
        len(visible) > 0
        and len(visible) >= config.min_share * len(frames)
        and float(visible.max()) >= config.min_visibility - 1e-6  # stored as float32
    )


def seen_on(truth: TruthObject, frames: Indices) -> Indices:
    """Return those of the frames on which any part of an object is visible."""
    return truth.frame_index[np.isin(truth.frame_index, frames) & (truth.visibility > 0)]


def plain(text: str) -> str:
    """Return a text without differences that do not change its meaning.

    >>> plain("  A red  Star")
    'red star'
    """
    return re.sub(r"^(a|an|the) ", "", " ".join(text.lower().split()))


@dataclass(frozen=True, slots=True)
class Corpus:
    """Holds all objects that can be found.

    Args:
        objects: (text, video_id, object_id) of each object that counts in its video as a whole.
        slices: Slices of each text.
    """

    objects: frozenset[tuple[str, str, int]]
    slices: Mapping[str, tuple[str, ...]]


def corpus(
    videos: Iterable[TruthVideo], texts: Iterable[str], answers: Answers, config: EvaluationConfig
) -> Corpus:
    """Collect all objects of the corpus part that the texts name, one video at a time.

    Args:
        texts: All texts that were searched, including those without results. Texts that the ground
            truth does not know are left out.
    """
    answered = sorted({text for text in texts if answers.knows(text)})
    objects = set()
    for video in videos:
        named = {text: set(answers.objects(text, video.video_id)) for text in answered}
        for truth in video.objects:
            if any(truth.object_id in object_ids for object_ids in named.values()) and counts(
                truth, video.frame_index, config
            ):
                objects |= {
                    (text, video.video_id, truth.object_id)
                    for text in answered
                    if truth.object_id in named[text]
                }
    return Corpus(frozenset(objects), {text: answers.slices(text) for text in answered})

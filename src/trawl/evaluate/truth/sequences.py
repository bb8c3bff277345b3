"""What the formats of other tools have in common: sequences that are some indexed video, objects of
a category, no clock.

A format makes `Sequence`s; `SequenceTruth` finds their videos, gives their frames times and their
categories a query each. A category is asked for by its own name, as the file has it. Knows no
format.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from pycocotools import mask as coco

from trawl.errors import TruthError
from trawl.evaluate.truth.indexed import IndexedVideos, StatedFacts
from trawl.evaluate.truth.names import Names
from trawl.records.arrays import Indices, Times
from trawl.records.truth import TruthObject, TruthQuery, TruthVideo

Box = tuple[float, float, float, float]  # xyxy pixels


@dataclass(frozen=True, slots=True)
class Annotated:
    """One sequence, read. frame_index (F,) increasing; time_s (F,), and height and width, None
    where the format has none.
    """

    frame_index: Indices
    objects: tuple[TruthObject, ...]
    height: int | None
    width: int | None
    time_s: Times | None = None


class Sequence(Protocol):
    """One video of a format, not read yet."""

    @property
    def name(self) -> str:
        """As the files have it."""
        ...

    def stated(self) -> StatedFacts: ...

    def texts(self) -> Mapping[str, tuple[int, ...]]:
        """What can be asked for -> the object_ids that are right."""
        ...

    def read(self) -> Annotated: ...


@dataclass(slots=True)
class Rows:
    """One object's frames as they are met, in any order.

    `visible`: 1 where the format does not say.
    """

    names: tuple[str, ...]
    frames: dict[int, tuple[Box, str | None, float]] = field(default_factory=dict)

    def add(self, frame_index: int, box: Box, rle: str | None, visible: float = 1.0) -> bool:
        """False, and nothing is added, for a frame that it has already."""
        if frame_index in self.frames:
            return False
        self.frames[frame_index] = box, rle, visible
        return True

    def made(self, object_id: int) -> TruthObject:
        ordered = sorted(self.frames.items())
        return TruthObject(
            object_id=object_id,
            names=self.names,
            frame_index=np.array([frame for frame, _ in ordered], np.int64),
            boxes=np.array([box for _, (box, _, _) in ordered], np.float32).reshape(-1, 4),
            rles=tuple(rle for _, (_, rle, _) in ordered),
            visibility=np.array([visible for _, (_, _, visible) in ordered], np.float32),
        )


class SequenceTruth:
    """Sequences as a ground truth.

    Args:
        kind: of its queries, such as "category".
        unseen: categories that no training picture showed; empty: not known, and no query is of
            either kind.

    Raises:
        TruthError: there is no sequence, a name fits several videos, or two sequences are one
            video.
    """

    whole = False  # these formats say what they know, not what there is

    def __init__(
        self,
        sequences: Iterable[Sequence],
        indexed: IndexedVideos,
        kind: str = "category",
        unseen: Collection[str] = (),
    ) -> None:
        self._known, self._kind = indexed, kind
        self._unseen = {noun(name) for name in unseen}
        self._sequences: dict[str, Sequence] = {}
        names = Names(indexed.videos)
        for sequence in sequences:
            video_id = (
                names.find(sequence.name) or sequence.name
            )  # one that is not indexed keeps its name, to be told by
            if video_id in self._sequences:
                raise TruthError(
                    f"the ground truth's {self._sequences[video_id].name} and {sequence.name} are both {video_id}: "
                    "leave one out, for instance with dataset.truth.part"
                )
            self._sequences[video_id] = sequence
        if not self._sequences:
            raise TruthError(
                "the ground truth names no video: is it of the format that dataset.truth.format says?"
            )

    def video_ids(self) -> list[str]:
        return sorted(self._sequences)

    def videos(self) -> Iterator[TruthVideo]:
        return map(self.video, self.video_ids())

    def video(self, video_id: str) -> TruthVideo:
        read = self._sequences[video_id].read()
        facts = self._known.videos.get(video_id)
        if facts is None:
            raise TruthError(
                f"{video_id} is in the ground truth and not in the index: its frames have no times"
            )
        times = (
            self._known.times(video_id, read.frame_index) if read.time_s is None else read.time_s
        )
        size = read.height or facts.height, read.width or facts.width
        return TruthVideo(video_id, *size, read.frame_index, times, read.objects)

    def stated(self, video_id: str) -> StatedFacts:
        return self._sequences[video_id].stated()

    def queries(self) -> list[TruthQuery]:
        groups: dict[str, dict[str, tuple[tuple[int, ...], ...]]] = defaultdict(dict)
        for video_id in self.video_ids():
            for text, object_ids in self._sequences[video_id].texts().items():
                groups[text][video_id] = (tuple(sorted(object_ids)),)
        return [TruthQuery(text, groups[text], self._slices(text)) for text in sorted(groups)]

    def _slices(self, text: str) -> tuple[str, ...]:
        slices = f"kind={self._kind}", "things=1"
        if not self._unseen:
            return slices
        return *slices, f"{self._kind}={'unseen' if noun(text) in self._unseen else 'seen'}"


@contextmanager
def well_formed(where: str) -> Iterator[None]:
    """An entry of a file that lacks a field, or has another type in it, is the file's fault."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = (
            f"lacks the field {error}"
            if isinstance(error, KeyError)
            else f"is not as the format has it ({error})"
        )
        raise TruthError(f"{where}: an entry {what}") from error


def refuse_repeated(entries: Iterable[Mapping[str, Any]], kind: str, where: str) -> None:
    """Raise TruthError where two entries have the same id, of which one would hide the other."""
    repeated = sorted(
        number for number, count in Counter(entry["id"] for entry in entries).items() if count > 1
    )
    if repeated:
        raise TruthError(
            f"{where} has several {kind} with the id {repeated[0]}, and {len(repeated) - 1} more ids twice"
        )


def noun(text: str) -> str:
    """A category's name in lower case, without an article.

    >>> noun("A red star"), noun("Person"), noun("anchor")
    ('red star', 'person', 'anchor')
    """
    return re.sub(r"^(an?|the)\s+", "", text.strip().lower())


def frame_number(name: str, where: str) -> int:
    """The number that the name of a frame's file ends with.

    >>> frame_number("a.mp4/00042.jpg", "x.json"), frame_number("img_0000001.png", "x.json")
    (42, 1)

    Raises:
        TruthError: it ends with none.
    """
    match = re.search(r"(\d+)(\.[A-Za-z]+)?$", name)
    if not match:
        raise TruthError(
            f"{where} names a frame {name!r}: its name must end with its number, such as 00042.jpg"
        )
    return int(match[1])


def position(number: int, first: int, where: str) -> int:
    """frame_index of the frame with this number, where `first` is the number of a video's first.

    Raises:
        TruthError: it comes before the first.
    """
    if number < first:
        raise TruthError(
            f"{where} has a frame {number}, and frames count from {first}: dataset.truth.first_frame says otherwise where they do"
        )
    return number - first


def box_of(rle: str, height: int, width: int) -> Box:
    """The box of a mask, all zero for one without pixels."""
    x, y, box_width, box_height = map(
        float, coco.toBbox({"size": [height, width], "counts": rle.encode("ascii")})
    )
    return x, y, x + box_width, y + box_height

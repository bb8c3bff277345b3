"""Turns sequences of other tools' formats into a ground truth.

A format makes `Sequence`s. `SequenceTruth` matches them with indexed videos, gives their frames
times and makes a query of each category, by its name in the file. Knows no format.
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
    """Holds one sequence's content.

    Args:
        frame_index: (F,) increasing.
        height: None if the format has none, like `width`.
        time_s: (F,) or None if the format has none.
    """

    frame_index: Indices
    objects: tuple[TruthObject, ...]
    height: int | None
    width: int | None
    time_s: Times | None = None


class Sequence(Protocol):
    """Reads one video of a format on demand."""

    @property
    def name(self) -> str:
        """Return the name in the files."""
        ...

    def stated(self) -> StatedFacts: ...

    def texts(self) -> Mapping[str, tuple[int, ...]]:
        """Return each text and the object_ids that answer it."""
        ...

    def read(self) -> Annotated: ...


@dataclass(slots=True)
class Rows:
    """Collects one object's frames, in any order."""

    names: tuple[str, ...]
    frames: dict[int, tuple[Box, str | None, float]] = field(default_factory=dict)

    def add(self, frame_index: int, box: Box, rle: str | None, visible: float = 1.0) -> bool:
        """Add a frame; return False, and add nothing, if the object already has it.

        Args:
            visible: Visible share, 1 if the format does not say.
        """
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
    """Reads sequences as a ground truth.

    Args:
        kind: Kind of its queries, such as "category".
        unseen: Categories that no training picture showed; empty if unknown, which leaves out
            slices by novelty.

    Raises:
        TruthError: There is no sequence, a name matches several videos, or two sequences are one
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
                    f"the ground truth's {self._sequences[video_id].name} and {sequence.name} are "
                    f"both {video_id}: "
                    "leave one out, for instance with dataset.truth.part"
                )
            self._sequences[video_id] = sequence
        if not self._sequences:
            raise TruthError(
                "the ground truth names no video: is it of the format that dataset.truth.format "
                "says?"
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
    """Turn errors about missing or mistyped fields into a TruthError that names the file."""
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
    """Raise TruthError if two entries have the same id, because one would hide the other."""
    repeated = sorted(
        number for number, count in Counter(entry["id"] for entry in entries).items() if count > 1
    )
    if repeated:
        raise TruthError(
            f"{where} has several {kind} with the id {repeated[0]}, and {len(repeated) - 1} more "
            "ids twice"
        )


def noun(text: str) -> str:
    """Return a category's name in lower case, without an article.

    >>> noun("A red star"), noun("Person"), noun("anchor")
    ('red star', 'person', 'anchor')
    """
    return re.sub(r"^(an?|the)\s+", "", text.strip().lower())


def frame_number(name: str, where: str) -> int:
    """Return the number that the name of a frame's file ends with.

    >>> frame_number("a.mp4/00042.jpg", "x.json"), frame_number("img_0000001.png", "x.json")
    (42, 1)

    Raises:
        TruthError: It ends with none.
    """
    match = re.search(r"(\d+)(\.[A-Za-z]+)?$", name)
    if not match:
        raise TruthError(
            f"{where} names a frame {name!r}: its name must end with its number, such as 00042.jpg"
        )
    return int(match[1])


def position(number: int, first: int, where: str) -> int:
    """Return the frame_index of a frame's number, where a video's first frame is `first`.

    Raises:
        TruthError: The number is below `first`.
    """
    if number < first:
        raise TruthError(
            f"{where} has a frame {number}, and frames count from {first}: "
            "dataset.truth.first_frame says otherwise where they do"
        )
    return number - first


def box_of(rle: str, height: int, width: int) -> Box:
    """Return the box of a mask, all zero for a mask without pixels."""
    x, y, box_width, box_height = map(
        float, coco.toBbox({"size": [height, width], "counts": rle.encode("ascii")})
    )
    return x, y, x + box_width, y + box_height

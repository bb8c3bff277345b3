"""Prepares what a format receives: the selected rows of one video or of one clip, objects numbered
from 1.

A video is the unit where a format keeps the video's own frame numbers, a clip where its frames must
follow on one another. Frames keep the position they have in the video (`frame_index`), also in the
names of files, so any decoder that counts pictures in the order of presentation finds the picture
that a mask belongs to.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from trawl.records.tracking import Visibility
from trawl.records.video import safe_name

Put = Callable[[str, bytes], None]  # stores a file under its name inside the export
Categories = Mapping[int, str]  # number of a class -> the phrase or phrases that it stands for


@dataclass(frozen=True, slots=True)
class Instance:
    """One object on one frame. number: the object's in its stretch; box xyxy pixels; rle None and
    area 0 where inferred.
    """

    number: int
    track_id: str
    category_id: int
    frame_index: int
    time_s: float
    box: tuple[float, float, float, float]
    area: int
    score: float
    visibility: Visibility
    rle: str | None
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """One track of a stretch. number from 1."""

    number: int
    track_id: str
    text: str
    category_id: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """One video or clip. name: unique in an export and fit for a folder; instances by frame_index,
    then number.

    shown: frames that the tracker took, from the first with an instance to the last, those between
    without one included.
    """

    name: str
    video_id: str
    uri: str
    split: str
    height: int
    width: int
    objects: tuple[Object, ...]
    instances: tuple[Instance, ...]
    shown: tuple[int, ...]

    def frames(self) -> Iterator[tuple[int, list[Instance]]]:
        """(frame_index, its instances) for each frame that has any."""
        for frame_index, found in groupby(self.instances, key=lambda one: one.frame_index):
            yield frame_index, list(found)

    @property
    def first_index(self) -> int:
        return self.instances[0].frame_index

    @property
    def last_index(self) -> int:
        return self.instances[-1].frame_index

    @property
    def fps(self) -> float:
        """Frames a second between the first and the last exported frame; 0.0 where there is one
        frame.
        """
        first, last = self.instances[0], self.instances[-1]
        spent_s = last.time_s - first.time_s
        return (last.frame_index - first.frame_index) / spent_s if spent_s > 0 else 0.0


def stretches(
    rows: pa.Table, looked_at: pa.Table, split: str, category_of: Mapping[str, int], by_clip: bool
) -> list[Stretch]:
    """One video's rows as one stretch, or as one for each clip, in order of their first frames;
    none without rows.

    Args:
        rows, looked_at: of one video, as `filters.select` and `filters.looked_at` give them.
        category_of: phrase -> number of its class.
    """
    of_unit: dict[str, list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        of_unit.setdefault(row["clip_id"] if by_clip else "", []).append(row)
    taken: dict[str, set[int]] = {}
    for clip_id, frame_index in zip(
        looked_at["clip_id"].to_pylist(), looked_at["frame_index"].to_pylist()
    ):
        taken.setdefault(clip_id if by_clip else "", set()).add(frame_index)
    found = [
        _stretch(of_unit[unit], taken[unit], split, category_of, f"-{unit}" if unit else "")
        for unit in sorted(of_unit)
    ]
    return sorted(found, key=lambda stretch: stretch.first_index)


def categories_of(phrases: set[str], chosen: Mapping[str, int]) -> dict[str, int]:
    """Phrase -> number of its class: the chosen one, or else the next free from 1 in alphabetical
    order.

    10 is never given unasked: MOTS reads it as a region to ignore.

    >>> categories_of({"a star", "a ring"}, {"a star": 1})
    {'a ring': 2, 'a star': 1}
    """
    taken = {*chosen.values(), 10}
    free = (number for number in range(1, len(phrases) + len(taken) + 2) if number not in taken)
    return {
        phrase: chosen[phrase] if phrase in chosen else next(free) for phrase in sorted(phrases)
    }


def _stretch(
    rows: list[dict[str, Any]],
    taken: set[int],
    split: str,
    category_of: Mapping[str, int],
    suffix: str,
) -> Stretch:
    tracks = {row["track_id"]: row for row in rows}
    ordered = sorted(tracks.values(), key=lambda row: (row["start_index"], row["track_id"]))
    objects = tuple(
        Object(number, row["track_id"], row["text"], category_of[row["text"]])
        for number, row in enumerate(ordered, 1)
    )
    number_of = {one.track_id: one.number for one in objects}
    instances = [_instance(row, number_of[row["track_id"]], category_of) for row in rows]
    instances.sort(key=lambda one: (one.frame_index, one.number))
    first = rows[0]
    own = first["video_id"], first["uri"], split, first["height"], first["width"]
    shown = [
        index
        for index in sorted(taken)
        if instances[0].frame_index <= index <= instances[-1].frame_index
    ]
    return Stretch(
        safe_name(first["video_id"]) + suffix, *own, objects, tuple(instances), tuple(shown)
    )


def _instance(row: Mapping[str, Any], number: int, category_of: Mapping[str, int]) -> Instance:
    left, top, right, bottom = row["box"]
    return Instance(
        number,
        row["track_id"],
        category_of[row["text"]],
        row["frame_index"],
        row["time_s"],
        (left, top, right, bottom),
        row["area"],
        row["score"],
        Visibility(row["visibility"]),
        row["rle"],
        tuple(row["flags"]),
    )

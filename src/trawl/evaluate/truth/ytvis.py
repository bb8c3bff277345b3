"""Reads YouTube-VIS: an entry per video, and one per object with a mask or null on each frame.

The same video may have several entries, as in our export with one per clip: they are joined. A
frame's position is the number that its name ends with, so a video annotated every fifth frame needs
no more. Crowds are left out.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np

from trawl.errors import TruthError
from trawl.evaluate.truth.coco import Entry, corners
from trawl.evaluate.truth.files import RECORDS, TruthFiles
from trawl.evaluate.truth.indexed import StatedFacts
from trawl.evaluate.truth.segmentation import check_all_masked, to_rle
from trawl.evaluate.truth.sequences import (
    Annotated,
    Rows,
    Sequence,
    box_of,
    frame_number,
    noun,
    position,
    refuse_repeated,
    well_formed,
)


@dataclass
class YtvisSequence:
    """Holds one video: the frames of its entries in the files' order, and its objects."""

    name: str
    where: str
    categories: Mapping[int, str]
    height: int
    width: int
    frames: dict[int, list[int]] = field(default_factory=dict)  # of each entry, by its id
    objects: list[Entry] = field(default_factory=list)

    def stated(self) -> StatedFacts:
        last = max((max(frames, default=-1) for frames in self.frames.values()), default=-1)
        masks = not self.objects or any(
            any(track.get("segmentations") or ()) for track in self.objects
        )
        return StatedFacts(last, None, None, self.width, self.height, masks)

    def texts(self) -> Mapping[str, tuple[int, ...]]:
        ids: dict[str, list[int]] = defaultdict(list)
        for track in self.objects:
            ids[self._category(track)].append(int(track["id"]))
        return {text: tuple(numbers) for text, numbers in ids.items()}

    def read(self) -> Annotated:
        frames = np.unique(
            np.array(
                [frame for entry_frames in self.frames.values() for frame in entry_frames], np.int64
            )
        )
        objects = tuple(
            self._rows(track).made(int(track["id"]))
            for track in sorted(self.objects, key=lambda track: track["id"])
        )
        return Annotated(frames, objects, self.height, self.width)

    def _category(self, track: Entry) -> str:
        if "category_id" not in track:
            raise TruthError(f"{self.where} annotation {track['id']} lacks the field 'category_id'")
        if track["category_id"] not in self.categories:
            raise TruthError(
                f"{self.where} annotation {track['id']}: its category_id {track['category_id']} is "
                "no category of the file"
            )
        return self.categories[track["category_id"]]

    def _rows(self, track: Entry) -> Rows:
        frames, where = self.frames[track["video_id"]], f"{self.where} annotation {track['id']}"
        coded, boxes = track.get("segmentations"), track.get("bboxes")
        for kind, listed in (("segmentations", coded), ("bboxes", boxes)):
            if listed is not None and len(listed) != len(frames):
                raise TruthError(
                    f"{where} has {len(listed)} {kind} and its video {len(frames)} frames"
                )
        rows = Rows((noun(self._category(track)),))
        for place, frame in enumerate(frames):
            rle = to_rle(coded[place], self.height, self.width, where) if coded else None
            if rle is not None:
                box = box_of(rle, self.height, self.width)
            elif not coded and boxes and boxes[place]:
                box = corners(boxes[place], where)
            else:
                continue
            rows.add(frame, box, rle, float(box[2] > box[0] and box[3] > box[1]))
        return rows


def open_ytvis(files: TruthFiles, part: str | None, first_frame: int | None) -> Iterator[Sequence]:
    """Yield the sequences of a file, or of the JSON files in a folder.

    With `part`, only of `<part>/instances.json` or `<part>.json`.

    Raises:
        TruthError: There is no such file, or it is none of this format.
    """
    for name, uri in sorted(files.listed()):
        path = PurePosixPath(name)
        if path.suffix != ".json" or path.name in RECORDS or path.parts[0] == "results":
            continue
        if part is None or uri == files.uri or part in (path.stem, path.parent.name):
            content = files.read_json(uri)
            with well_formed(uri):
                in_file = sequences(content, uri, first_frame or 0)
            yield from in_file


def sequences(content: Entry, where: str, first_frame: int) -> list[YtvisSequence]:
    """Return one file's sequences."""
    for key in ("videos", "annotations", "categories"):
        if not isinstance(content.get(key), list):
            raise TruthError(
                f"{where} has no list {key!r}: is it a file of YouTube-VIS annotations?"
            )
        refuse_repeated(content[key], key, where)
    categories = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
    by_name: dict[str, YtvisSequence] = {}
    of_entry: dict[int, YtvisSequence] = {}
    for video in content["videos"]:
        sequence = _join(by_name, video, categories, where)
        names = [str(name) for name in video.get("file_names", ())]
        numbers = [
            position(frame_number(name, where), first_frame, f"{where} video {video['id']}")
            for name in names
        ]
        if len(set(numbers)) < len(numbers):
            raise TruthError(
                f"{where} video {video['id']} names {len(names)} frames, of which some have the "
                "same number"
            )
        sequence.frames[video["id"]] = numbers
        of_entry[video["id"]] = sequence
    for entry in content["annotations"]:
        if entry["video_id"] not in of_entry:
            raise TruthError(
                f"{where} annotation {entry['id']} is of video {entry['video_id']}, which the file "
                "does not list"
            )
        if not entry.get("iscrowd"):
            of_entry[entry["video_id"]].objects.append(entry)
    objects = [entry for sequence in by_name.values() for entry in sequence.objects]
    boxed = [
        entry["id"]
        for entry in objects
        if any(entry.get("bboxes") or ()) and not any(entry.get("segmentations") or ())
    ]
    check_all_masked(boxed, len(objects), where)
    return list(by_name.values())


def _join(
    by_name: dict[str, YtvisSequence], video: Entry, categories: Mapping[int, str], where: str
) -> YtvisSequence:
    """Return the sequence that an entry belongs to; the first entry of a video makes it."""
    first = next(iter(video.get("file_names", ())), "")
    name = str(video.get("name") or PurePosixPath(first).parent)
    if name in ("", "."):
        raise TruthError(
            f"{where} video {video['id']} has no name, and its file_names no folder: which video "
            "is it?"
        )
    try:
        size = int(video["height"]), int(video["width"])
    except (KeyError, TypeError, ValueError) as error:
        raise TruthError(f"{where} video {video['id']} has no height and width") from error
    sequence = by_name.setdefault(name, YtvisSequence(name, where, categories, *size))
    if (sequence.height, sequence.width) != size:
        raise TruthError(f"{where}: {name} has entries of different sizes")
    return sequence

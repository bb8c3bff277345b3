"""Reads COCO instances of the frames of videos.

A picture's video is its `video_id` (with a list `videos`, as in CocoVID and our export) or the
folder of its `file_name`. Its frame is `frame_index`, else `frame_id`, else the number that its
name ends with. An object is `instance_id`, else `track_id`; without either each annotation is an
object of one frame, and there are no identities to measure. Crowds are left out. The file is read
once and kept; masks stay coded until their video is read.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from trawl.errors import TruthError
from trawl.evaluate.truth.files import RECORDS, TruthFiles
from trawl.evaluate.truth.indexed import StatedFacts
from trawl.evaluate.truth.segmentation import check_all_masked, to_rle
from trawl.evaluate.truth.sequences import (
    Annotated,
    Box,
    Rows,
    Sequence,
    box_of,
    frame_number,
    noun,
    position,
    refuse_repeated,
    well_formed,
)

Entry = dict[str, Any]


@dataclass
class CocoSequence:
    """Holds the pictures of one video, frame_index -> image, and their annotations."""

    name: str
    where: str
    categories: Mapping[int, str]
    identities: bool
    images: dict[int, Entry] = field(default_factory=dict)
    annotations: list[tuple[int, Entry]] = field(default_factory=list)  # (frame_index, annotation)

    def stated(self) -> StatedFacts:
        height, width = self._size()
        masks = not self.annotations or any(
            annotation.get("segmentation") for _, annotation in self.annotations
        )
        return StatedFacts(max(self.images), None, None, width, height, masks, self.identities)

    def texts(self) -> Mapping[str, tuple[int, ...]]:
        ids: dict[str, set[int]] = defaultdict(set)
        for number, (category, _) in self._objects().items():
            ids[category].add(number)
        return {category: tuple(sorted(numbers)) for category, numbers in ids.items()}

    def read(self) -> Annotated:
        height, width = self._size()
        frames = np.array(sorted(self.images), np.int64)
        times = [self.images[int(frame)].get("time_s") for frame in frames]
        objects = [
            self._rows(annotations, height, width, category).made(number)
            for number, (category, annotations) in self._objects().items()
        ]
        time_s = None if None in times else np.array(times, np.float64)
        return Annotated(frames, tuple(objects), height, width, time_s)

    def _objects(self) -> dict[int, tuple[str, list[tuple[int, Entry]]]]:
        """Return object_id -> (category, its annotations), by number."""
        key = identity_key(self.annotations[0][1]) if self.annotations else None
        of_identity: dict[Any, list[tuple[int, Entry]]] = defaultdict(list)
        for frame, annotation in self.annotations:
            of_identity[annotation[key] if key else annotation["id"]].append((frame, annotation))
        plain = all(isinstance(identity, int) for identity in of_identity)
        ordered = sorted(of_identity, key=None if plain else str)
        numbers = ordered if plain else range(1, len(ordered) + 1)
        return {
            int(number): (self._category(of_identity[annotation]), of_identity[annotation])
            for number, annotation in zip(numbers, ordered)
        }

    def _category(self, annotations: list[tuple[int, Entry]]) -> str:
        with well_formed(self.where):
            numbers = {annotation["category_id"] for _, annotation in annotations}
        if len(numbers) > 1 or not numbers <= self.categories.keys():
            first = f"{self.where} annotation {annotations[0][1]['id']}"
            raise TruthError(
                f"{first}: its object's category_id is {sorted(numbers)}, which is no one category "
                "of the file"
            )
        return self.categories[numbers.pop()]

    def _rows(
        self,
        annotations: list[tuple[int, Entry]],
        height: int | None,
        width: int | None,
        category: str,
    ) -> Rows:
        rows = Rows((noun(category),))
        for frame, annotation in annotations:
            where = f"{self.where} annotation {annotation['id']}"
            rle = None
            if annotation.get("segmentation"):
                if height is None or width is None:
                    raise TruthError(f"{where} has a mask, and its image no height and width")
                rle = to_rle(annotation["segmentation"], height, width, where)
                box = box_of(str(rle), height, width)
            else:
                box = corners(annotation.get("bbox"), where)
            if not rows.add(frame, box, rle, float(box[2] > box[0] and box[3] > box[1])):
                raise TruthError(
                    f"{where} is of an object that has another annotation on the same frame, "
                    f"{frame}"
                )
        return rows

    def _size(self) -> tuple[int | None, int | None]:
        sizes = {(image.get("height"), image.get("width")) for image in self.images.values()}
        if len(sizes) > 1:
            raise TruthError(
                f"{self.where}: the images of {self.name} are of {len(sizes)} different sizes"
            )
        return sizes.pop()


def open_coco(files: TruthFiles, part: str | None, first_frame: int | None) -> Iterator[Sequence]:
    """Yield the sequences of a file, of `<part>.json` in a folder, or of all its JSON files.

    Raises:
        TruthError: There is no such file, or it is no COCO file of videos.
    """
    for name, uri in sorted(files.listed()):
        path = PurePosixPath(name)
        if (
            path.suffix == ".json"
            and path.name not in RECORDS
            and (part is None or path.stem == part or uri == files.uri)
        ):
            content = files.read_json(uri)
            with well_formed(uri):
                in_file = sequences(content, uri, first_frame or 0)
            yield from in_file


def sequences(content: Entry, where: str, first_frame: int) -> list[CocoSequence]:
    """Return one file's sequences."""
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key), list):
            raise TruthError(f"{where} has no list {key!r}: is it a file of COCO instances?")
        refuse_repeated(content[key], key, where)
    categories = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
    videos = {
        entry["id"]: str(entry.get("name") or entry["file_name"])
        for entry in content.get("videos", ())
    }
    annotations = [entry for entry in content["annotations"] if not entry.get("iscrowd")]
    identities = _check_alike(annotations, where)
    by_name: dict[str, CocoSequence] = {}
    at: dict[Any, tuple[CocoSequence, int]] = {}
    for image in content["images"]:
        name, frame = _place(image, videos, where, first_frame)
        sequence = by_name.setdefault(name, CocoSequence(name, where, categories, identities))
        if frame in sequence.images:
            raise TruthError(
                f"{where} has two images of frame {frame} of {name}: "
                f"{sequence.images[frame]['id']} and {image['id']}"
            )
        sequence.images[frame] = image
        at[image["id"]] = sequence, frame
    for entry in annotations:
        if entry["image_id"] not in at:
            raise TruthError(
                f"{where} annotation {entry['id']} is of image {entry['image_id']}, which the file "
                "does not list"
            )
        sequence, frame = at[entry["image_id"]]
        sequence.annotations.append((frame, entry))
    return list(by_name.values())


def identity_key(annotation: Entry) -> str | None:
    """Return the field that says which object an annotation is of, or None."""
    return next(
        (key for key in ("instance_id", "track_id") if annotation.get(key) is not None), None
    )


def corners(bbox: Any, where: str) -> Box:
    """Convert COCO's left, top, width, height to xyxy.

    Raises:
        TruthError: It is no such box.
    """
    try:
        left, top, width, height = map(float, bbox)
    except (TypeError, ValueError) as error:
        raise TruthError(f"{where} has neither a mask nor a box of four numbers") from error
    return left, top, left + width, top + height


def _check_alike(annotations: list[Entry], where: str) -> bool:
    """Return whether annotations have identities.

    Raises TruthError if only some of them have masks or identities.
    """
    boxed = [annotation["id"] for annotation in annotations if not annotation.get("segmentation")]
    check_all_masked(boxed, len(annotations), where)
    keys = Counter(identity_key(annotation) for annotation in annotations)
    if len(keys) > 1:
        odd, count = min(keys.items(), key=lambda item: (item[0] is not None, item[1]))
        first = next(
            annotation["id"] for annotation in annotations if identity_key(annotation) == odd
        )
        has = (
            "neither instance_id nor track_id"
            if odd is None
            else f"{odd} alone to say which object it is of"
        )
        raise TruthError(
            f"{where} annotation {first} has {has}, as have {count - 1} more, unlike the rest of "
            f"{len(annotations)}"
        )
    return None not in keys


def _place(
    image: Entry, videos: Mapping[Any, str], where: str, first_frame: int
) -> tuple[str, int]:
    """Return (sequence, frame_index) of an image."""
    file_name = str(image.get("file_name", ""))
    if "frame_index" in image:
        number = int(image["frame_index"])
    elif "frame_id" in image:
        number = int(image["frame_id"])
    else:
        number = frame_number(file_name, where)
    frame = position(number, first_frame, f"{where} image {image['id']}")
    if "video_id" in image and videos:
        if image["video_id"] not in videos:
            raise TruthError(
                f"{where} image {image['id']} is of video {image['video_id']}, which the file does "
                "not list"
            )
        return videos[image["video_id"]], frame
    folder = str(PurePosixPath(file_name).parent)
    if folder == ".":
        raise TruthError(
            f"{where} image {image['id']} ({file_name!r}) does not say of which video it is: give "
            "the file a list 'videos' and "
            "images their video_id, or put each video's pictures into a folder of its name"
        )
    return folder, frame

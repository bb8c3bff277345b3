"""Reads DAVIS: an indexed PNG per annotated frame, whose pixels are numbers of objects.

Files are `Annotations/<resolution>/<sequence>/<frame>.png`. 0 is background, and so is 255 (void).
DAVIS 2016's pictures, black and white, have one object. A frame's position is its file's number, so
a video annotated every fifth frame needs no more. Sequences of one video, as our export has one per
clip, are joined, and their objects numbered on. The format names nothing: names come from
`meta.json` (YouTube-VOS: a category) or `meta_expressions.json` (its referring variant: sentences);
without either there are no queries. Pictures are read one at a time when their video is read.
"""

import io
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trawl import masks
from trawl.errors import TruthError
from trawl.evaluate.truth.files import TruthFiles
from trawl.evaluate.truth.indexed import IndexedVideos, StatedFacts
from trawl.evaluate.truth.names import Names
from trawl.evaluate.truth.sequences import Annotated, Rows, Sequence, frame_number, noun, position

_VOID, _WHITE = 255, 255
_CLIP = re.compile(r"(.+)-[0-9a-f]{12}")
# what is added to the numbers of a video's second clip, and twice to those of its third
_JOINED = 1000
_FULL = "Full-Resolution"

Said = Mapping[str, Mapping[int, tuple[str, ...]]]  # sequence -> object -> what it is called


@dataclass
class DavisSequence:
    """Holds one video: (frame_index, URI) of the pictures in each folder, and names of objects."""

    name: str
    files: TruthFiles
    folders: list[list[tuple[int, str]]] = field(default_factory=list)
    called: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def add(self, pictures: list[tuple[int, str]], called: Mapping[int, tuple[str, ...]]) -> None:
        """Add one more folder; its objects are numbered on."""
        self.called |= {
            len(self.folders) * _JOINED + number: texts for number, texts in called.items()
        }
        self.folders.append(pictures)

    def stated(self) -> StatedFacts:
        last = max(frame for pictures in self.folders for frame, _ in pictures)
        height, width = _labels(self.files, self.folders[0][0][1]).shape
        return StatedFacts(last, None, None, width, height, masks=True)

    def texts(self) -> Mapping[str, tuple[int, ...]]:
        ids: dict[str, list[int]] = defaultdict(list)
        for number, texts in sorted(self.called.items()):
            for text in dict.fromkeys(texts):
                ids[text].append(number)
        return {text: tuple(numbers) for text, numbers in ids.items()}

    def read(self) -> Annotated:
        objects: dict[int, Rows] = {}
        size: tuple[int, ...] | None = None
        for add, pictures in enumerate(self.folders):
            for frame, uri in pictures:
                labels = _labels(self.files, uri)
                if size not in (None, labels.shape):
                    raise TruthError(f"{uri} is of another size than the pictures before it")
                size = labels.shape
                for index in np.unique(labels[labels > 0]).tolist():
                    number, mask = add * _JOINED + index, labels == index
                    rows = objects.setdefault(
                        number, Rows(tuple(map(noun, self.called.get(number, ()))))
                    )
                    rows.add(frame, masks.bounding_box(mask), masks.encode(mask))
        assert size is not None
        frames = np.unique(
            np.array([frame for pictures in self.folders for frame, _ in pictures], np.int64)
        )
        return Annotated(
            frames,
            tuple(objects[number].made(number) for number in sorted(objects)),
            size[0],
            size[1],
        )


def open_davis(
    files: TruthFiles, part: str | None, first_frame: int | None, indexed: IndexedVideos
) -> tuple[list[Sequence], str]:
    """Return every sequence below the folder, and the kind of their texts.

    With `part`, only sequences that `ImageSets/*/<part>.txt` lists. Of several resolutions the full
    one is read.

    Raises:
        TruthError: There is no picture or no such list, or a picture cannot be read.
    """
    # (resolution, sequence)
    pictures: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    others: dict[str, str] = {}
    for name, uri in files.listed():
        path = PurePosixPath(name)
        if path.suffix.lower() == ".png" and len(path.parts) > 1:
            frame = position(frame_number(name, files.uri), first_frame or 0, uri)
            pictures[str(path.parent.parent), path.parent.name].append((frame, uri))
        elif path.suffix in (".txt", ".json"):
            others[name] = uri
    if not pictures:
        raise TruthError(
            f"dataset.truth.uri={files.uri} holds no <sequence>/<frame>.png: is it a folder of "
            "DAVIS?"
        )
    resolution = _resolution({place for place, _ in pictures}, files.uri)
    listed = _listed(files, others, part)
    names_of, kind = _said(files, others)
    names, by_name = Names(indexed.videos), dict[str, DavisSequence]()
    for (place, sequence), of_sequence in sorted(pictures.items()):
        if place == resolution and (listed is None or sequence in listed):
            name = _video(sequence, names)
            by_name.setdefault(name, DavisSequence(name, files)).add(
                sorted(of_sequence), names_of.get(sequence, {})
            )
    return list(by_name.values()), kind


def _video(sequence: str, names: Names) -> str:
    """Return the sequence's name, without our export's clip suffix if that names a video."""
    clip = _CLIP.fullmatch(sequence)
    if clip and names.find(sequence) is None and names.find(clip[1]) is not None:
        return clip[1]
    return sequence


def _resolution(places: set[str], where: str) -> str:
    full = [place for place in places if PurePosixPath(place).name == _FULL]
    if len(places) == 1 or len(full) == 1:
        return full[0] if full else places.pop()
    raise TruthError(
        f"{where} holds pictures in {', '.join(sorted(places)[:4])}: point dataset.truth.uri at "
        "one of them"
    )


def _listed(files: TruthFiles, others: Mapping[str, str], part: str | None) -> set[str] | None:
    if part is None:
        return None
    lists = [
        uri
        for name, uri in others.items()
        if name.endswith(f"{part}.txt") and PurePosixPath(name).stem == part
    ]
    if not lists:
        raise TruthError(
            f"dataset.truth.part={part}: there is no ImageSets/*/{part}.txt in {files.uri}"
        )
    if len(lists) > 1:
        raise TruthError(
            f"dataset.truth.part={part} is in {len(lists)} lists: {', '.join(sorted(lists))}"
        )
    return {
        line.split()[0].strip("/")
        for line in files.read_text(lists[0]).splitlines()
        if line.strip()
    }


def _said(files: TruthFiles, others: Mapping[str, str]) -> tuple[Said, str]:
    """Return the names of the objects of each sequence, and the kind of these names."""
    uris = {PurePosixPath(name).name: uri for name, uri in others.items()}
    for name, kind, of_video in (
        ("meta_expressions.json", "expression", _expressions),
        ("meta.json", "category", _categories),
    ):
        if name in uris:
            videos = files.read_json(uris[name]).get("videos")
            try:
                return {
                    str(video): of_video(about) for video, about in dict(videos or {}).items()
                }, kind
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise TruthError(
                    f"{uris[name]} is not as YouTube-VOS has it ({error!r})"
                ) from error
    return {}, "category"


def _expressions(video: Mapping[str, Any]) -> dict[int, tuple[str, ...]]:
    texts_of: dict[int, list[str]] = defaultdict(list)
    for expression in video["expressions"].values():
        texts_of[int(expression["obj_id"])].append(str(expression["exp"]))
    return {number: tuple(texts) for number, texts in texts_of.items()}


def _categories(video: Mapping[str, Any]) -> dict[int, tuple[str, ...]]:
    return {int(number): (str(entry["category"]),) for number, entry in video["objects"].items()}


def _labels(files: TruthFiles, uri: str) -> NDArray[np.uint8]:
    """Return (H, W) numbers of objects, 0 where there is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(files.read(uri))) as picture:
            mode, labels = picture.mode, np.array(picture)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise TruthError(f"{uri} cannot be read as a picture ({error})") from error
    if mode in ("1", "L"):
        shades = set(np.unique(labels).tolist())
        if shades <= {0, _WHITE}:  # a single object, or none
            return (labels > 0).astype(np.uint8)
    elif mode != "P":
        raise TruthError(
            f"{uri} is a picture of colours ({mode}), not of indices: an object's number must be "
            "its pixels' index"
        )
    labels = labels.astype(np.uint8)
    labels[labels == _VOID] = 0
    return labels

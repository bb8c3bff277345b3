"""Reads MOTChallenge text (boxes) and MOTS text (masks).

Files are `<sequence>/gt/gt.txt` with `seqinfo.ini` beside their folder. MOT is separated by commas:
frame, id, left, top, width, height, considered, class, visibility. MOTS is separated by blanks:
frame, id, class, height, width, compressed RLE. As in the benchmarks, frames and pixels count from
1, and boxes may reach beyond the picture. Rows that are not to be considered are left out, as are
MOTS' regions to ignore (class 10). Every frame up to seqLength is annotated. Classes are named by
`labels.txt`, or else as MOTChallenge numbers them. A file is read each time its video is needed.
"""

import configparser
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from trawl.errors import TruthError
from trawl.evaluate.truth.files import TruthFiles
from trawl.evaluate.truth.indexed import StatedFacts
from trawl.evaluate.truth.sequences import Annotated, Box, Rows, Sequence, box_of, noun, position

# As MOTChallenge and MOTS number them.
_MOT_NAMES = (
    "pedestrian, person on vehicle, car, bicycle, motorbike, non motorized vehicle, static person, "
    "distractor, occluder, occluder on the ground, full occluder, reflection, crowd"
)
_MOT_CLASSES = dict(enumerate(_MOT_NAMES.split(", "), 1))
_MOTS_CLASSES = {1: "car", 2: "pedestrian"}
_MOTS_IGNORE = 10
_NO_RATE = 1.0  # what our export writes where it knows of one frame only


@dataclass(frozen=True, slots=True)
class _Row:
    """Holds one line; `frame` counts from the file's first, `size` is the mask's."""

    frame: int
    identity: int
    category: int
    box: Box
    visible: float
    rle: str | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class MotSequence:
    """Reads one `gt.txt`.

    Args:
        info: Content of seqinfo.ini, {} without one.
        labels: class -> name, or None without a file.
    """

    name: str
    uri: str
    files: TruthFiles
    info: Mapping[str, str]
    labels: Mapping[int, str] | None
    first_frame: int

    def stated(self) -> StatedFacts:
        rows = self._rows()
        rate = self._number("framerate")
        return StatedFacts(
            last_index=self._length(rows) - 1,
            num_frames=None,  # an export's seqLength ends with the last object
            fps=None if rate in (None, _NO_RATE) else rate,
            width=self._whole("imwidth"),
            height=self._whole("imheight"),
            masks=not rows or rows[0].rle is not None,
        )

    def texts(self) -> Mapping[str, tuple[int, ...]]:
        ids: dict[str, set[int]] = defaultdict(set)
        for row in self._rows():
            ids[self._label(row)].add(row.identity)
        return {text: tuple(sorted(numbers)) for text, numbers in ids.items()}

    def read(self) -> Annotated:
        rows, objects = self._rows(), dict[int, Rows]()
        for row in rows:
            names = (noun(self._label(row)),)
            track = objects.setdefault(row.identity, Rows(names))
            if track.names != names:
                raise TruthError(f"{self.uri}: object {row.identity} is of several classes")
            if not track.add(row.frame, row.box, row.rle, row.visible):
                raise TruthError(
                    f"{self.uri} has object {row.identity} twice on frame "
                    f"{row.frame + self.first_frame}"
                )
        sizes = {row.size for row in rows} - {None}
        size = self._whole("imheight"), self._whole("imwidth")
        if len(sizes) > 1 or (None not in size and sizes - {size}):
            raise TruthError(
                f"{self.uri} has masks of {len(sizes)} sizes, which are not the one of seqinfo.ini"
            )
        height, width = next((mask_size for mask_size in sizes if mask_size), size)
        truths = tuple(objects[number].made(number) for number in sorted(objects))
        return Annotated(np.arange(self._length(rows), dtype=np.int64), truths, height, width)

    def _rows(self) -> list[_Row]:
        rows = []
        for number, line in enumerate(self.files.read_text(self.uri).splitlines(), 1):
            if line.strip():
                where = f"{self.uri} line {number}"
                row = (self._mot if "," in line else self._mots)(line, where)
                if row is not None:
                    rows.append(row)
        return rows

    def _mot(self, line: str, where: str) -> _Row | None:
        try:
            values = [float(text) for text in line.split(",") if text.strip()]
            frame, identity, left, top, width, height, considered = values[:7]
        except ValueError as error:
            raise TruthError(
                f"{where} is not a line of MOTChallenge: "
                "frame,id,left,top,width,height,considered,class,visibility"
            ) from error
        if not considered:
            return None
        # MOT15 has three coordinates of the world in place of class and visibility
        category = int(values[7]) if len(values) in (8, 9) and values[7] >= 0 else 1
        visible = values[8] if len(values) == 9 and 0 <= values[8] <= 1 else 1.0
        box = (left - 1, top - 1, left - 1 + width, top - 1 + height)
        return _Row(
            position(int(frame), self.first_frame, where), int(identity), category, box, visible
        )

    def _mots(self, line: str, where: str) -> _Row | None:
        try:
            texts = line.split()
            frame, identity, category, height, width = map(int, texts[:5])
            rle = texts[5]
        except (ValueError, IndexError) as error:
            raise TruthError(
                f"{where} is not a line of MOTS: frame id class height width rle"
            ) from error
        if category == _MOTS_IGNORE:
            return None
        box = box_of(rle, height, width)
        size, visible = (height, width), float(box[2] > box[0])
        return _Row(
            position(frame, self.first_frame, where), identity, category, box, visible, rle, size
        )

    def _label(self, row: _Row) -> str:
        labels = self.labels or (_MOT_CLASSES if row.rle is None else _MOTS_CLASSES)
        if row.category not in labels:
            raise TruthError(
                f"{self.uri} has the class {row.category}, which labels.txt beside the sequences "
                "should name"
            )
        return labels[row.category]

    def _length(self, rows: list[_Row]) -> int:
        last = max((row.frame for row in rows), default=-1) + 1
        length = self._whole("seqlength")
        if length is not None and last > length:
            raise TruthError(f"{self.uri} has a frame {last} and its seqinfo.ini says {length}")
        return last if length is None else length

    def _number(self, key: str) -> float | None:
        try:
            return float(self.info[key]) if key in self.info else None
        except ValueError as error:
            raise TruthError(
                f"seqinfo.ini of {self.uri}: {key}={self.info[key]} is no number"
            ) from error

    def _whole(self, key: str) -> int | None:
        number = self._number(key)
        return None if number is None else int(number)


def open_mot(files: TruthFiles, part: str | None, first_frame: int | None) -> Iterator[Sequence]:
    """Yield every sequence below the folder, or only those below a folder named `part`.

    Raises:
        TruthError: A file cannot be read.
    """
    listed = {name: uri for name, uri in files.listed() if PurePosixPath(name).name in _WANTED}
    labels = _labels(files, listed)
    for name, uri in sorted(listed.items()):
        path = PurePosixPath(name)
        if path.parts[-2:] != ("gt", "gt.txt") or (part is not None and part not in path.parts):
            continue
        folder = path.parent.parent
        if folder == PurePosixPath("."):  # the URI is the sequence itself
            folder = PurePosixPath(files.uri.rstrip("/").rpartition("/")[2])
        info = listed.get(str(path.parent.parent / "seqinfo.ini"))
        first = 1 if first_frame is None else first_frame
        yield MotSequence(
            str(folder), uri, files, _info(files, info) if info else {}, labels, first
        )


_WANTED = ("gt.txt", "seqinfo.ini", "labels.txt")


def _info(files: TruthFiles, uri: str) -> Mapping[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(files.read_text(uri))
        return dict(parser["Sequence"])
    except (configparser.Error, KeyError) as error:
        raise TruthError(
            f"{uri} has no section [Sequence] that can be read ({' '.join(str(error).split())})"
        ) from error


def _labels(files: TruthFiles, listed: Mapping[str, str]) -> Mapping[int, str] | None:
    """Read `labels.txt` at the top: a class's number and its name on each line."""
    if "labels.txt" not in listed:
        return None
    pairs = [
        line.split(maxsplit=1)
        for line in files.read_text(listed["labels.txt"]).splitlines()
        if line.strip()
    ]
    try:
        return {int(number): name.strip() for number, name in pairs}
    except ValueError as error:
        raise TruthError(
            f"{listed['labels.txt']} has a line that is not a class's number and its name"
        ) from error

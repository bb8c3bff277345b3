"""Reads the demo corpus's ground truth from its two Parquet files, `objects` and `videos`.

Texts are derived from the objects: every colour and shape that occur together ("a red star"), the
same with its size, each colour and each shape alone, and two things that are in clear view at once.
A video's rows are read when it is needed; of the rest only which objects are visible together is
kept. Which pairs no training picture showed is a setting (`dataset.truth.unseen`), because the
models were trained on more than this corpus.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from trawl.errors import TruthError, did_you_mean
from trawl.evaluate.truth.indexed import StatedFacts
from trawl.records.arrays import Times
from trawl.records.truth import TruthObject, TruthQuery, TruthVideo
from trawl.schemas import TRUTH_OBJECTS, TRUTH_VIDEOS
from trawl.storage import Storage

_CLEAR = (
    # visible share from which two things in one frame are worth asking for together; as in the
    # corpus's captions
    0.6
)
_SILENT_H = ("hourglass",)


@dataclass(frozen=True, slots=True)
class _Thing:
    color: str
    shape: str
    size: str

    @property
    def pair(self) -> str:
        return f"{self.color} {self.shape}"

    def names(self) -> tuple[str, ...]:
        return self.shape, self.pair, f"{self.size} {self.pair}"


@dataclass
class _Visible:
    """Holds the objects of one video of which any pixel is visible, and pairs seen together.

    Args:
        together: Pairs that are visible on one frame.
        clearly: Pairs that are clearly visible on one frame.
    """

    things: dict[int, _Thing] = field(default_factory=dict)
    together: set[tuple[int, int]] = field(default_factory=set)
    clearly: set[tuple[int, int]] = field(default_factory=set)


class DemoTruth:
    """Reads the part `part` of a corpus, or all of it if None.

    Args:
        storage: Its root is the folder of the two files.
        unseen: Pairs ("red square") that no training picture showed, or None if that is unknown,
            which leaves out slices by novelty.

    Raises:
        TruthError: The files are missing or of another kind, or no video is in that part.
    """

    def __init__(
        self, storage: Storage, part: str | None = None, unseen: Collection[str] | None = None
    ) -> None:
        self._objects = _open(storage, "objects", TRUTH_OBJECTS)
        self._unseen = None if unseen is None else frozenset(unseen)
        rows = (
            _open(storage, "videos", TRUTH_VIDEOS).to_table().drop_columns(["captions"]).to_pylist()
        )
        if part is not None and part not in (parts := {row["split"] for row in rows}):
            raise TruthError(
                f"dataset.truth.part={part} has no video in {storage.root}: "
                f"{did_you_mean(part, parts)}"
            )
        self._videos = {row["video_id"]: row for row in rows if part in (None, row["split"])}
        self._part = part

    def video_ids(self) -> list[str]:
        return sorted(self._videos)

    def videos(self) -> Iterator[TruthVideo]:
        return map(self.video, self.video_ids())

    def video(self, video_id: str) -> TruthVideo:
        about = self._videos[video_id]
        rows = self._objects.to_table(filter=ds.field("video_id") == video_id).sort_by(
            "frame_index"
        )
        of_object = rows["object_id"].to_numpy()
        objects = [
            _object(int(number), rows.take(np.flatnonzero(of_object == number)))
            for number in np.unique(of_object)
        ]
        times = _times(about, rows["frame_index"].to_numpy(), rows["time_s"].to_numpy())
        return TruthVideo(
            video_id,
            about["height"],
            about["width"],
            np.arange(about["num_frames"]),
            times,
            tuple(objects),
        )

    def stated(self, video_id: str) -> StatedFacts:
        about = self._videos[video_id]
        return StatedFacts(
            about["num_frames"] - 1,
            about["num_frames"],
            about["fps"],
            about["width"],
            about["height"],
            masks=True,
        )

    @property
    def whole(self) -> bool:
        """Return whether the whole dataset is evaluated."""
        return self._part is None

    def queries(self) -> list[TruthQuery]:
        visible = self._seen()
        slices_of: dict[str, tuple[str, ...]] = {}
        groups: dict[str, dict[str, tuple[tuple[int, ...], ...]]] = defaultdict(dict)
        for video_id, in_video in visible.items():
            for text, slices, object_ids in self._alone(in_video.things):
                slices_of[text] = slices
                groups[text][video_id] = (object_ids,)
        couples = {
            (a, b)
            for in_video in visible.values()
            for a, b in _pairs(in_video.things, in_video.clearly)
        }
        for a, b in couples:
            text = f"{_article(a)} and {_article(b)}"
            slices_of[text] = ("kind=two", "things=2", *self._novelty(a, b))
            for video_id, in_video in visible.items():
                if (a, b) in _pairs(in_video.things, in_video.together):
                    groups[text][video_id] = (
                        _of_pair(in_video.things, a),
                        _of_pair(in_video.things, b),
                    )
        return [
            TruthQuery(text, dict(sorted(groups[text].items())), slices_of[text])
            for text in sorted(slices_of)
        ]

    def _alone(
        self, things: dict[int, _Thing]
    ) -> Iterator[tuple[str, tuple[str, ...], tuple[int, ...]]]:
        """Yield (text, slices, object_ids) of every text about one thing in a video."""
        numbers_of: dict[tuple[str, str, tuple[str, ...]], list[int]] = defaultdict(list)
        for number, item in sorted(things.items()):
            novelty = self._novelty(item.pair)
            numbers_of["pair", item.pair, novelty].append(number)
            numbers_of["size", f"{item.size} {item.pair}", novelty].append(number)
            numbers_of["colour", f"{item.color} thing", ()].append(number)
            numbers_of["shape", item.shape, ()].append(number)
        for (kind, noun, novelty), numbers in numbers_of.items():
            yield _article(noun), (f"kind={kind}", "things=1", *novelty), tuple(numbers)

    def _novelty(self, *pairs: str) -> tuple[str, ...]:
        if self._unseen is None:
            return ()
        return ("pair=unseen",) if self._unseen.intersection(pairs) else ("pair=seen",)

    def _seen(self) -> dict[str, _Visible]:
        columns = ["video_id", "object_id", "frame_index", "color", "shape", "size", "visibility"]
        condition = ds.field("area") > 0
        if self._part is not None:
            condition &= ds.field("split") == self._part
        visible: dict[str, _Visible] = defaultdict(_Visible)
        views: dict[tuple[str, int], list[tuple[int, bool]]] = defaultdict(list)
        at = ""
        for batch in self._objects.to_batches(columns=columns, filter=condition):
            for row in batch.to_pylist():
                if row["video_id"] != at:  # a video's rows follow on one another
                    _join(views, visible)
                    at = row["video_id"]
                item = _Thing(row["color"], row["shape"], row["size"])
                visible[at].things[row["object_id"]] = item
                views[at, row["frame_index"]].append(
                    (row["object_id"], row["visibility"] >= _CLEAR)
                )
        _join(views, visible)
        return dict(sorted(visible.items()))


def _join(
    views: dict[tuple[str, int], list[tuple[int, bool]]], visible: dict[str, _Visible]
) -> None:
    """Record which objects share a frame, and clear the frames."""
    for (video_id, _), in_frame in views.items():
        for (a, a_clear), (b, b_clear) in combinations(sorted(in_frame), 2):
            visible[video_id].together.add((a, b))
            if a_clear and b_clear:
                visible[video_id].clearly.add((a, b))
    views.clear()


def _pairs(things: dict[int, _Thing], couples: Iterable[tuple[int, int]]) -> set[tuple[str, str]]:
    """Return the names of pairs in alphabetical order; two objects of one name are no pair."""
    named = {tuple(sorted((things[a].pair, things[b].pair))) for a, b in couples}
    return {(a, b) for a, b in named if a != b}


def _of_pair(things: dict[int, _Thing], pair: str) -> tuple[int, ...]:
    return tuple(sorted(number for number, item in things.items() if item.pair == pair))


def _article(noun: str) -> str:
    """Return the noun with its indefinite article.

    >>> _article("orange ring"), _article("hourglass"), _article("red star")
    ('an orange ring', 'an hourglass', 'a red star')
    """
    return f"{'an' if noun[0] in 'aeiou' or noun.startswith(_SILENT_H) else 'a'} {noun}"


def _object(number: int, rows: pa.Table) -> TruthObject:
    first = rows.slice(0, 1).to_pylist()[0]
    boxes = rows["box"].combine_chunks().flatten().to_numpy().reshape(-1, 4)
    return TruthObject(
        object_id=number,
        names=_Thing(first["color"], first["shape"], first["size"]).names(),
        frame_index=rows["frame_index"].to_numpy(),
        boxes=boxes.astype(np.float32),
        rles=tuple(rows["rle"].to_pylist()),
        visibility=rows["visibility"].to_numpy().astype(np.float32),
    )


def _times(
    about: dict[str, Any], frame_index: np.ndarray[Any, Any], time_s: np.ndarray[Any, Any]
) -> Times:
    """Return the time of every frame.

    Exact where an object has a row and where the rate is constant; interpolated in between.
    """
    every = np.arange(about["num_frames"])
    times: Times = every / about["fps"]
    if about["variable_rate"]:
        last = about["num_frames"] - 1
        at = np.concatenate([[0, last], frame_index])
        frames, first = np.unique(at, return_index=True)
        value = np.concatenate([[0.0, about["duration_s"] - 1 / about["fps"]], time_s])
        times = np.interp(every, frames, value[first])
    times[frame_index] = time_s
    return times


def _open(storage: Storage, name: str, schema: pa.Schema) -> Any:
    filesystem, root = storage.arrow()
    where = f"{storage.root}/{name}.parquet"
    try:
        return ds.dataset(
            f"{root}/{name}.parquet", schema=schema, format="parquet", filesystem=filesystem
        )
    except (OSError, pa.ArrowInvalid) as error:
        raise TruthError(
            f"{where} cannot be read as the demo's ground truth ({' '.join(str(error).split())}); "
            "run python -m jobs.index +dataset=demo, which makes the corpus, or correct "
            "dataset.truth.uri"
        ) from error

"""The public door: open a dataset's published index and its tracking runs from Python.

    import trawl

    index = trawl.open("data", "demo")
    hits = index.search("a red star", k=5)
    hits[0].video_id, hits[0].start_s, hits[0].thumbnail().shape
    run = index.run("latest")
    run.tracks[0].masks().shape

Searching and reading write nothing. The module uses the classes that the jobs use; what it does not
offer yet is indexing, tracking and exporting, which are commands: `trawl index`, `trawl track`,
`trawl export`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from trawl import cli, masks
from trawl.config.checks import validate
from trawl.config.jobs import QueryConfig
from trawl.corpus.source import dataset_name
from trawl.decode.desk import PictureDesk
from trawl.errors import VideoError
from trawl.models.clip import embedders
from trawl.query import results, templates, texts
from trawl.query.published import PublishedIndex, openable
from trawl.records.arrays import Embeddings
from trawl.records.search import Segment, Source
from trawl.records.video import Reason
from trawl.storage import Storage
from trawl.table import publish
from trawl.track import tables

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def open(root: str, dataset: str, *words: str) -> "Index":
    """Open the published index of a dataset.

    Args:
        root: Folder or URI below which Trawl writes, as `storage.root`.
        dataset: Name of the dataset's folder below the root.
        words: Further settings of jobs.query, such as "storage=s3" or "weights=/path/to/weights".
            Where the manifest holds credentials that open the videos: "+dataset=manifest" and
            "dataset.uri=...".

    Raises:
        ConfigError: A setting is misspelt or out of range.
        IndexMissingError: Nothing is published for this dataset.
        StorageError: The storage failed.
    """
    named = any(word.removeprefix("+").startswith("dataset=") for word in words)
    place = [] if named else ["+dataset=folder", "dataset.uri=."]
    own = [f"dataset.name={dataset}", f"storage.root={root}"]
    return Index(cli.compose("query", QueryConfig, [*place, *own, *words]))


class Index:
    """A published index, pinned to the publication that was the newest when it was opened."""

    def __init__(self, config: QueryConfig) -> None:
        """Open the index that the settings of a query name. Same errors as `trawl.open`."""
        templates.check_templates(config.search.templates)
        self._config = config
        self._storage = Storage.open(config.storage)
        self._dataset = dataset_name(config.dataset)
        self._published = publish.latest(self._storage, self._dataset)
        self._tables = PublishedIndex(self._storage, self._dataset, self._published)

    def __repr__(self) -> str:
        counts = f"{self._published.num_videos:,} videos, {self._published.num_rows:,} frames"
        return f"Index({self._dataset!r}, publication {self._published.number}, {counts})"

    @cached_property
    def _embed_texts(self) -> Callable[[Sequence[str]], Embeddings]:
        blueprint = embedders.from_recipe(self._published.recipe.embedder, self._config.weights)
        return embedders.build_text(blueprint, self._config.device)

    def search(self, text: str, k: int = 20, where: str | None = None) -> "Hits":
        """Find the segments that show a text, the best first.

        Args:
            text: What to look for; weighted prompts as "a red star:2 | a blue ring:-1".
            k: Largest number of segments.
            where: SQL condition on columns of frames and of the manifest, as `search.where`.

        Raises:
            ConfigError: The text is empty, k is below 1, or the condition names an unknown column.
            WeightsError: The index's model is not on this machine.
        """
        settings = replace(self._config.search, segments=k, where=where)
        validate(settings)
        queries = texts.read_texts(text, None)
        vectors = [
            templates.query_vector(query, settings.templates, self._embed_texts)
            for query in queries
        ]
        answer = self._tables.answers(queries, vectors, settings)[0]
        sources = self._tables.sources(segment.video_id for segment in answer.segments)
        table = results.to_table([answer], sources, self._published.recipe_key)
        hits = [
            Hit(rank, segment, sources[segment.video_id].uri, self, sources[segment.video_id])
            for rank, segment in enumerate(answer.segments, 1)
        ]
        return Hits(text, answer.background, hits, table)

    @property
    def videos(self) -> "pa.Table":
        """The indexed videos: one row per video, columns of `schemas.VIDEOS`."""
        from trawl.schemas import VIDEOS

        return self._tables.ledger(VIDEOS.names)

    @property
    def runs(self) -> list[str]:
        """The ids of the dataset's tracking runs, the newest first."""
        return tables.runs(self._storage, self._dataset)

    def run(self, run_id: str = "latest") -> "Run":
        """Open a tracking run by its id, or the newest.

        Raises:
            RunError: There is no run of that name; the message names those there are.
        """
        return Run(
            self._storage, self._dataset, tables.resolve_run(self._storage, self._dataset, run_id)
        )

    def thumbnail(self, segment: Segment, source: Source, width: int) -> NDArray[np.uint8]:
        """Decode the best frame of a segment; see `Hit.thumbnail`."""
        opened = openable(self._config.dataset, self._config.storage, {segment.video_id: source})
        with PictureDesk(self._config.decode, self._config.storage) as desk:
            shot = desk.best_frames([segment], opened, width)[
                (segment.video_id, segment.best_time_s)
            ]
        if shot.pixels is None:
            raise VideoError(Reason.UNREADABLE, shot.note)
        return shot.pixels


@dataclass(frozen=True, slots=True)
class Hit:
    """A segment that a search returned: [start_s, end_s) of a video, in seconds of presentation
    time.

    score is the cosine similarity of text and segment; rank counts from 1.
    """

    rank: int
    segment: Segment = field(repr=False)
    uri: str = field(repr=False)
    _index: Index = field(repr=False)
    _source: Source = field(repr=False)

    @property
    def video_id(self) -> str:
        return self.segment.video_id

    @property
    def start_s(self) -> float:
        return self.segment.start_s

    @property
    def end_s(self) -> float:
        return self.segment.end_s

    @property
    def best_time_s(self) -> float:
        return self.segment.best_time_s

    @property
    def score(self) -> float:
        return self.segment.score

    def thumbnail(self, width: int = 320) -> NDArray[np.uint8]:
        """Decode the best frame, (H, width, 3) uint8 RGB, in a sandboxed process.

        Raises:
            VideoError: The video is gone, has changed since it was indexed, or does not decode.
        """
        return self._index.thumbnail(self.segment, self._source, width)


class Hits(Sequence[Hit]):
    """The answer to a text. background is the score of a typical frame of the corpus for the same
    text.
    """

    def __init__(
        self, text: str, background: float, hits: Sequence[Hit], table: "pa.Table"
    ) -> None:
        self.text = text
        self.background = background
        self._hits = tuple(hits)
        self._table = table

    @overload
    def __getitem__(self, place: int) -> Hit: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Hit]: ...

    def __getitem__(self, place: int | slice) -> Hit | Sequence[Hit]:
        return self._hits[place]

    def __len__(self) -> int:
        return len(self._hits)

    def to_arrow(self) -> "pa.Table":
        """Return the answer as a table, columns of `schemas.RESULTS`."""
        return self._table

    def to_pandas(self) -> "pd.DataFrame":
        """Return the answer as a data frame, columns of `schemas.RESULTS`."""
        frame: pd.DataFrame = self._table.to_pandas()
        return frame


class Run:
    """A tracking run: its tracks, and their masks read when they are asked for."""

    def __init__(self, storage: Storage, dataset: str, run_id: str) -> None:
        self.run_id = run_id
        self._masks, self._tracks = tables.read_run(storage, dataset, run_id)

    def __repr__(self) -> str:
        return f"Run({self.run_id!r}, {len(self.tracks)} tracks)"

    @cached_property
    def _table(self) -> "pa.Table":
        return self._tracks.to_table()

    @cached_property
    def tracks(self) -> list["Track"]:
        """The tracks of the run's finished clips."""
        return [Track(row, self._masks) for row in self._table.to_pylist()]

    @property
    def masks(self) -> Any:
        """The masks as a lazy `pyarrow.dataset.Dataset`, columns of `schemas.MASKS`."""
        return self._masks

    def to_arrow(self) -> "pa.Table":
        """Return the tracks as a table, columns of `schemas.TRACKS`."""
        return self._table

    def to_pandas(self) -> "pd.DataFrame":
        """Return the tracks as a data frame, columns of `schemas.TRACKS`."""
        frame: pd.DataFrame = self._table.to_pandas()
        return frame


class Track:
    """One followed object. row holds all columns of `schemas.TRACKS`."""

    def __init__(self, row: dict[str, Any], run_masks: Any) -> None:
        self.row = row
        self._masks = run_masks

    def __repr__(self) -> str:
        return f"Track({self.track_id!r}, {self.text!r}, {self.start_s:.2f}-{self.end_s:.2f} s)"

    @property
    def track_id(self) -> str:
        return str(self.row["track_id"])

    @property
    def text(self) -> str:
        return str(self.row["text"])

    @property
    def video_id(self) -> str:
        return str(self.row["video_id"])

    @property
    def start_s(self) -> float:
        return float(self.row["start_s"])

    @property
    def end_s(self) -> float:
        return float(self.row["end_s"])

    @property
    def trajectory(self) -> NDArray[np.float64]:
        """The centres, (T, 3) float64: time in seconds, x and y in pixels."""
        places = [(place["time_s"], place["x"], place["y"]) for place in self.row["trajectory"]]
        return np.array(places, np.float64).reshape(-1, 3)

    @overload
    def masks(self, rle: Literal[False] = False) -> NDArray[np.bool_]: ...

    @overload
    def masks(self, rle: Literal[True]) -> list[str | None]: ...

    def masks(self, rle: bool = False) -> NDArray[np.bool_] | list[str | None]:
        """Read the masks in the order of time, one for each row of the track.

        Args:
            rle: Return COCO compressed RLE, None where there is no mask, instead of pixels.

        Returns:
            (T, H, W) bool, all False where the object was only inferred; or a list of T strings.
        """
        codes = list(self._codes())
        if rle:
            return codes
        height, width = int(self.row["height"]), int(self.row["width"])
        frames = np.zeros((len(codes), height, width), np.bool_)
        for frame, code in zip(frames, codes, strict=True):
            if code is not None:
                frame[:] = masks.decode(code, height, width)
        return frames

    def _codes(self) -> Iterator[str | None]:
        import pyarrow.dataset as ds

        rows = self._masks.to_table(
            columns=["time_s", "rle"], filter=ds.field("track_id") == self.track_id
        )
        yield from rows.sort_by("time_s")["rle"].to_pylist()

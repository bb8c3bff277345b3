"""Holds the tracked objects of one clip, frame by frame, from rows of `schemas.MASKS`.

The rows stay in Arrow, a few hundred bytes each, and are unpacked when their frame is drawn.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trawl.draw.doubt import in_words
from trawl.draw.overlay import Mark
from trawl.draw.tracks import ClipFacts
from trawl.draw.trajectories import Path
from trawl.records.tracking import Visibility

_COLUMNS = "track_id frame_index time_s box area score visibility rle height width flags"
COLUMNS = tuple(_COLUMNS.split())


class Marks:
    """Holds the mask rows of one clip.

    Rows of tracks that the clip does not have are skipped: an attempt that died between writing
    masks and writing tracks leaves such rows.

    Args:
        table: The clip's masks with the columns `COLUMNS`, in any order.
    """

    def __init__(self, clip: ClipFacts, table: pa.Table) -> None:
        self._texts = {track.track_id: track.text for track in clip.tracks}
        self._numbers = {track.track_id: track.number for track in clip.tracks}
        rows = table.filter(pc.is_in(table["track_id"], pa.array(self._texts, pa.string())))
        self._table = rows.select(COLUMNS).sort_by(
            [("frame_index", "ascending"), ("track_id", "ascending")]
        )
        self._frame_index = self._table["frame_index"].to_numpy()

    def at(self, frame_index: int) -> list[Mark]:
        """Return the objects on one frame."""
        first, end = np.searchsorted(self._frame_index, [frame_index, frame_index + 1])
        return [self._mark(row) for row in self._table.slice(first, end - first).to_pylist()]

    def fullest(self) -> int:
        """Return the frame_index with most masks, then with the largest; -1 without rows."""
        if not self._table.num_rows:
            return -1
        index, places = np.unique(self._frame_index, return_inverse=True)
        has_mask = (
            self._table["visibility"].to_numpy(zero_copy_only=False) != Visibility.INFERRED.value
        )
        counts = np.bincount(places, has_mask, len(index))
        areas = np.bincount(places, self._table["area"].to_numpy(), len(index))
        return int(index[np.lexsort((areas, counts))[-1]])

    def flags(self) -> dict[int, list[tuple[float, Sequence[str]]]]:
        """Return (time_s, flags) of flagged rows in order of time, by number of the object."""
        flagged = self._table.filter(pc.greater(pc.list_value_length(self._table["flags"]), 0))
        flags_of: dict[int, list[tuple[float, Sequence[str]]]] = {}
        for row in flagged.select(["track_id", "time_s", "flags"]).to_pylist():
            flags_of.setdefault(self._numbers[row["track_id"]], []).append(
                (row["time_s"], row["flags"])
            )
        return flags_of

    def _mark(self, row: dict[str, Any]) -> Mark:
        return Mark(
            number=self._numbers[row["track_id"]],
            text=self._texts[row["track_id"]],
            score=row["score"],
            box=tuple(row["box"]),
            rle=row["rle"],
            height=row["height"],
            width=row["width"],
            flags=tuple(map(in_words, row["flags"])),
        )


def path(number: int, trajectory: pa.ListScalar) -> Path:
    """Convert a `trajectory` of a track into a path to draw."""
    places = trajectory.values
    points = np.stack([places.field("x").to_numpy(), places.field("y").to_numpy()], axis=1)
    return Path(
        number, points.astype(np.float32), places.field("inferred").to_numpy(zero_copy_only=False)
    )

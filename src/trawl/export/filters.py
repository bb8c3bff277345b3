"""Checks and translates an export's `where`: SQL over a row of the masks table joined with its
track's.

    score > 0.5 and len(flags) = 0        not list_contains(track_flags, 'lost') and num_masks >= 10
    text = 'a red star' and area > 64     visibility = 'visible' and end_s - start_s > 1

DuckDB evaluates it, cut off from files and network. A column that both tables have is the row's
own; the track's flags are `track_flags`. Knows nothing of formats.
"""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from trawl.errors import ConfigError
from trawl.schemas import MASKS, TRACKS

if TYPE_CHECKING:
    import duckdb

_OF_TRACK = [name for name in TRACKS.names if name not in MASKS.names]
COLUMNS = [*MASKS.names, "track_flags", *_OF_TRACK]
# Not wanted in an export, and wide.
_LEFT_OUT = ("trajectory", "appearance", "gaps")


def check(where: str | None) -> None:
    """Find out before any work whether a condition can be read.

    Raises:
        ConfigError: it is no SQL condition or names a column that does not exist.
    """
    select(_one_row(MASKS), _one_row(TRACKS), where)


def select(masks: Any, tracks: Any, where: str | None) -> pa.Table:
    """The rows that meet the condition, by video, frame and track; columns are COLUMNS without the
    widest three.

    Args:
        masks, tracks: what `write.read_run` gives for some clips, or tables of those columns.
        where: None takes all rows.

    Raises:
        ConfigError: the condition cannot be evaluated.
    """
    import duckdb

    joined = ", ".join(["m.*", "t.flags as track_flags", *(f't."{name}"' for name in _OF_TRACK)])
    kept = ", ".join(f'"{name}"' for name in COLUMNS if name not in _LEFT_OUT)
    with _database() as database:
        database.register("m", masks)
        database.register("t", tracks)
        rows = database.sql(f"select {joined} from m join t using (track_id)")
        try:
            found = rows if where is None else rows.filter(duckdb.SQLExpression(where))
            return found.project(kept).order("video_id, frame_index, track_id").to_arrow_table()
        except duckdb.Error as error:
            first = " ".join(str(error).split("LINE")[0].split())[:200]
            raise ConfigError(
                f'where="{where}" cannot be read ({first}); columns: {", ".join(COLUMNS)}'
            ) from error


def looked_at(masks: Any, tracks: Any) -> pa.Table:
    """video_id, clip_id, frame_index of the frames in which some track has a row, sorted, each
    once, whatever is selected.

    A tracker may take fewer frames than the video has; those it did not take must not pass for
    frames without an object.
    """
    with _database() as database:
        database.register("m", masks)
        database.register("t", tracks)
        rows = "select distinct m.video_id, t.clip_id, m.frame_index from m join t using (track_id)"
        return database.sql(
            f"{rows} order by m.video_id, t.clip_id, m.frame_index"
        ).to_arrow_table()


def _one_row(schema: pa.Schema) -> pa.Table:
    """A row that every condition can be tried on: DuckDB converts a constant only when there is
    something to compare.
    """
    fields = [field.with_nullable(True) for field in schema]
    made = {"track_id": "x"}
    return pa.table(
        [pa.array([made.get(field.name)], field.type) for field in fields], schema=pa.schema(fields)
    )


def _database() -> "duckdb.DuckDBPyConnection":
    import duckdb

    database = duckdb.connect(config={"python_enable_replacements": False})
    database.execute("set enable_external_access = false")
    return database

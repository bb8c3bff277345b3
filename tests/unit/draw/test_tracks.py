"""Rows of the tracks table as the page tells of them."""

import pyarrow as pa
from looks import clip, track

from trawl.draw.tracks import COLUMNS, by_clip, from_row
from trawl.schemas import TRACKS


def test_every_column_is_in_the_table() -> None:
    assert set(COLUMNS) <= set(TRACKS.names)


def test_a_row_of_the_table_becomes_the_same_facts() -> None:
    want = track(3, direction_deg=None, flags=("lost", "border"))
    row = {name: getattr(want, name) for name in COLUMNS}
    row["gaps"] = [{"start_s": a, "end_s": b} for a, b in want.gaps]
    row["flags"] = list(want.flags)
    schema = pa.schema([TRACKS.field(name) for name in COLUMNS])
    (result,) = pa.Table.from_pylist([row], schema=schema).to_pylist()
    back = from_row(result)
    assert back.gaps == want.gaps and back.flags == want.flags and back.number == 3
    assert back.direction_deg is None and back.track_id == want.track_id


def test_clips_hold_their_tracks_by_number() -> None:
    created = by_clip([track(10), track(2), track(0, "bbbbbbbbbbbb"), track(1, text="a blue ring")])
    assert [[item.number for item in each.tracks] for each in created] == [[1, 2, 10], [0]]
    assert created[0].texts == ["a blue ring", "a red star"] and created[0].size == (90, 160)


def test_the_surest_track_speaks_for_its_clip() -> None:
    assert (
        clip(
            track(0, grounding_score=0.9, mean_score=0.5),
            track(1, grounding_score=0.6, mean_score=0.9),
        ).best
        == 0.54
    )

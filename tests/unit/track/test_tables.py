"""A run's parts: whole, replaced by a repeated attempt, finished when the tracks part is there,
readable by other tools.
"""

import io
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tracked import LINEAGE, RUN, clip, row, square, track

from trawl import masks, schemas
from trawl.errors import RunError
from trawl.records.tracking import Flag
from trawl.storage import Storage
from trawl.track import tables as write

SIZE = (24, 32)


def two_tracks():
    first = [row(n, square(SIZE, n, 4, 6)) for n in range(4)]
    second = [
        row(0, square(SIZE, 20, 10, 5)),
        row(1, None, 0.0, (Flag.LOW_SCORE,)),
        row(2, square(SIZE, 22, 10, 5), 0.5),
    ]
    gaps = ((0.1, 0.2),)
    return [
        track(0, first, SIZE),
        track(
            7,
            second,
            SIZE,
            "a blue ring",
            mean_speed=3.0,
            max_speed=4.0,
            direction_deg=0.0,
            gaps=gaps,
            flags=(Flag.LOST,),
        ),
    ]


def write_two(storage: Storage, run_id: str = RUN, clip_id: str = "c1") -> None:
    about = clip(clip_id, texts=("a red star", "a blue ring"))
    write.write_clip(storage, "demo", run_id, about, two_tracks(), LINEAGE)


def test_rows_come_back_as_they_were(storage: Storage) -> None:
    write_two(storage)
    mask_rows, tracks = (
        part.to_table().to_pylist() for part in write.read_run(storage, "demo", RUN)
    )
    assert [(r["track_id"], r["frame_index"]) for r in mask_rows] == [
        *(("c1-0", n) for n in range(4)),
        *(("c1-7", n) for n in range(3)),
    ]
    assert np.array_equal(masks.decode(mask_rows[1]["rle"], *SIZE), square(SIZE, 1, 4, 6))
    guess = mask_rows[5]
    assert (guess["rle"], guess["area"], guess["visibility"], guess["flags"]) == (
        None,
        0,
        "inferred",
        ["low_score"],
    )
    assert guess["box"] == [1.0, 2.0, 5.0, 6.0]

    ring = tracks[1]
    assert (ring["text"], ring["retrieval_score"], ring["start_index"], ring["end_index"]) == (
        "a blue ring",
        0.26,
        0,
        2,
    )
    assert (ring["num_masks"], ring["num_inferred"]) == (2, 1)
    assert ring["mean_score"] == pytest.approx(0.7), "a guess has no mask and no say"
    assert ring["gaps"] == [{"start_s": 0.1, "end_s": 0.2}] and ring["flags"] == ["lost"]
    places = [(p["x"], p["y"], p["inferred"]) for p in ring["trajectory"]]
    assert places == [(22.5, 12.5, False), (3.0, 4.0, True), (24.5, 12.5, False)]
    assert {
        ring[name] for name in ("recipe", "embedder", "grounder", "tracker", "config_hash")
    } == {
        "recipe000001",
        "clip/x@11",
        "clip-grounder/x@22",
        "sam2/x@33",
        "c0ffee",
    }
    assert ring["fingerprint"] == "print-cam1/a.mp4" and tracks[0]["direction_deg"] is None


def test_a_repeated_attempt_replaces_its_own_parts_alone(storage: Storage) -> None:
    write_two(storage, clip_id="c1")
    write_two(storage, clip_id="c2")
    write.write_clip(storage, "demo", RUN, clip("c1"), two_tracks()[:1], LINEAGE)
    mask_rows, tracks = write.read_run(storage, "demo", RUN)
    assert tracks.to_table()["track_id"].to_pylist() == ["c1-0", "c2-0", "c2-7"]
    assert mask_rows.count_rows() == 4 + 7
    write.write_clip(storage, "demo", RUN, clip("c2"), [], LINEAGE)
    assert [part.count_rows() for part in write.read_run(storage, "demo", RUN)] == [4, 1]


def test_a_clip_without_tracks_is_finished_too(storage: Storage) -> None:
    assert write.finished(storage, "demo", RUN) == set()
    write.write_clip(storage, "demo", RUN, clip("none"), [], LINEAGE)
    assert write.finished(storage, "demo", RUN) == {"none"}
    mask_rows, tracks = (part.to_table() for part in write.read_run(storage, "demo", RUN))
    assert (mask_rows.num_rows, tracks.num_rows) == (0, 0)
    assert mask_rows.schema.equals(schemas.MASKS) and tracks.schema.equals(schemas.TRACKS)


def test_an_attempt_that_died_before_its_tracks_is_not_finished_and_not_read(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_two(storage, clip_id="c1")
    put = Storage.write_bytes

    def dying(self: Storage, name: str, data: bytes) -> None:
        if "/tracks/" in name:
            raise KeyboardInterrupt
        put(self, name, data)

    monkeypatch.setattr(Storage, "write_bytes", dying)
    with pytest.raises(KeyboardInterrupt):
        write_two(storage, clip_id="c2")
    assert write.finished(storage, "demo", RUN) == {"c1"}
    assert write.read_run(storage, "demo", RUN)[0].count_rows() == 7
    monkeypatch.undo()
    write_two(storage, clip_id="c2")
    assert write.read_run(storage, "demo", RUN)[0].count_rows() == 14


def test_an_unbegun_run_reads_as_no_rows(storage: Storage) -> None:
    assert [part.count_rows() for part in write.read_run(storage, "demo", RUN)] == [0, 0]


def test_a_mask_row_that_contradicts_itself_is_a_bug(local_storage: Storage) -> None:
    twice = [track(0, [row(3, square(SIZE, 0, 0, 2)), row(3, square(SIZE, 0, 0, 2))], SIZE)]
    blind = [track(0, [row(3, None)], SIZE)]
    same = [track(0, [row(3, square(SIZE, 0, 0, 2))], SIZE)] * 2
    for bad in (twice, blind, same):
        with pytest.raises(AssertionError):
            write.write_clip(local_storage, "demo", RUN, clip("c1"), bad, LINEAGE)
    assert write.finished(local_storage, "demo", RUN) == set()


def test_runs_are_found_latest_first(storage: Storage) -> None:
    with pytest.raises(RunError, match="demo has no run with tracks"):
        write.resolve_run(storage, "demo", "latest")
    # an indexing run has no tracks
    storage.write_bytes("demo/runs/20261231T000000Z-index/run.json", b"{}")
    for run_id in ("20261121T090000Z-bbbbbb", "20261122T090000Z-aaaaaa", "20261120T090000Z-cccccc"):
        write_two(storage, run_id)
    assert write.runs(storage, "demo") == [
        "20261122T090000Z-aaaaaa",
        "20261121T090000Z-bbbbbb",
        "20261120T090000Z-cccccc",
    ]
    assert write.resolve_run(storage, "demo", "latest") == "20261122T090000Z-aaaaaa"
    assert (
        write.resolve_run(storage, "demo", "20261120T090000Z-cccccc") == "20261120T090000Z-cccccc"
    )


def test_a_run_named_by_hand_counts_by_its_writing(storage: Storage) -> None:
    write_two(storage, "20200101T000000Z-old000")
    write_two(storage, "mine")
    assert write.resolve_run(storage, "demo", "latest") == "mine"


def test_a_run_without_a_text_is_the_latest_only_if_it_is_alone(storage: Storage) -> None:
    """As an evaluation of retrieval leaves one."""
    storage.write_bytes("demo/runs/20261231T000000Z-eeeeee/plan.json", b"{}")
    storage.write_bytes("demo/runs/20261231T000000Z-eeeeee/run.json", b'{"texts": []}')
    assert write.resolve_run(storage, "demo", "latest") == "20261231T000000Z-eeeeee"
    write_two(storage)
    assert write.resolve_run(storage, "demo", "latest") == RUN
    storage.write_bytes(f"demo/runs/{RUN}/run.json", b'{"texts": ["a red star"]}')
    assert write.resolve_run(storage, "demo", "latest") == RUN
    assert (
        write.resolve_run(storage, "demo", "20261231T000000Z-eeeeee") == "20261231T000000Z-eeeeee"
    )


@pytest.mark.parametrize(
    "name", ["20261121T090000Z-aaaaab", "../runs/20261121T090000Z-aaaaaa", "", "index-run"]
)
def test_a_wrong_run_is_told_which_there_are(storage: Storage, name: str) -> None:
    write_two(storage)
    storage.write_bytes("demo/runs/index-run/run.json", b"{}")
    with pytest.raises(RunError, match=RUN) as caught:
        write.resolve_run(storage, "demo", name)
    assert "latest" in str(caught.value) and "\n" not in str(caught.value)


def test_a_newer_schema_is_refused(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = schemas.TRACKS.with_metadata({b"trawl.schema_version": b"99"})
    monkeypatch.setattr(write, "TRACKS", newer)
    write_two(storage)
    monkeypatch.undo()
    with pytest.raises(RunError, match="schema 99"):
        write.read_run(storage, "demo", RUN)


def test_parts_carry_the_schema(storage: Storage) -> None:
    write_two(storage)
    for kind, schema in (("masks", schemas.MASKS), ("tracks", schemas.TRACKS)):
        written = pq.read_schema(
            io.BytesIO(storage.read_bytes(f"demo/runs/{RUN}/{kind}/c1.parquet"))
        )
        assert written.equals(schema) and written.metadata == {b"trawl.schema_version": b"1"}


def test_pandas_and_duckdb_read_the_datasets(storage: Storage) -> None:
    write_two(storage)
    mask_rows, tracks = write.read_run(storage, "demo", RUN)
    frame = tracks.to_table().to_pandas()
    assert frame.set_index("track_id").loc["c1-7", "text"] == "a blue ring"
    database = duckdb.connect()
    database.register("m", mask_rows)
    database.register("t", tracks)
    found = database.sql(
        "select t.text, count(*) n from m join t using (track_id) where m.score > 0.6 group by 1 order by 1"
    ).fetchall()
    assert found == [("a blue ring", 1), ("a red star", 4)]


def test_pandas_and_duckdb_read_the_folder_without_us(local_storage: Storage) -> None:
    write_two(local_storage)
    folder = Path(local_storage.root, "demo", "runs", RUN)
    assert len(pd.read_parquet(folder / "masks")) == 7
    assert duckdb.sql(
        f"select count(*) from read_parquet('{folder}/tracks/*.parquet')"
    ).fetchall() == [(2,)]


@pytest.mark.parametrize(
    "looked", [[], [7], [0, 1, 2, 3], [4, 5, 6, 9, 12, 13, 20], list(range(0, 300, 3))]
)
def test_the_frames_that_were_looked_at_come_back(storage: Storage, looked: list[int]) -> None:
    write.write_clip(storage, "demo", RUN, clip("c1"), two_tracks()[:1], LINEAGE, looked)
    found = write.looked_at(storage, "demo", RUN, "c1")
    assert found is not None
    assert found.tolist() == looked
    assert write.read_run(storage, "demo", RUN)[0].count_rows() == 4  # and the part reads as ever


def test_a_run_that_does_not_say_what_was_looked_at(storage: Storage) -> None:
    write_two(storage)
    assert write.looked_at(storage, "demo", RUN, "c1") is None

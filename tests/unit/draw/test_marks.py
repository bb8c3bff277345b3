"""Rows of the masks table, by frame."""

import numpy as np
import pyarrow as pa
from looks import clip, track

from trawl import masks
from trawl.draw.marks import Marks, path
from trawl.schemas import MASKS, TRACKS


def row(
    number: int,
    frame_index: int,
    side: int = 10,
    flags: tuple[str, ...] = (),
    clip_id: str = "aaaaaaaaaaaa",
) -> dict:
    mask = np.zeros((90, 160), np.bool_)
    mask[:side, :side] = True
    return {
        "run_id": "r",
        "track_id": f"{clip_id}-{number}",
        "video_id": "a.mp4",
        "frame_index": frame_index,
        "time_s": frame_index / 10,
        "box": [0, 0, side, side],
        "area": side * side,
        "score": 0.5,
        "visibility": "visible" if side else "inferred",
        "rle": masks.encode(mask) if side else None,
        "height": 90,
        "width": 160,
        "flags": list(flags),
    }


def marks(*rows: dict) -> Marks:
    return Marks(
        clip(track(0), track(10, text="a blue ring")),
        pa.Table.from_pylist(list(rows), schema=MASKS),
    )


def test_the_objects_of_a_frame() -> None:
    created = marks(row(10, 7, flags=("area_jump",)), row(0, 8), row(0, 7, side=0), row(0, 6))
    guessed, visible = created.at(7)
    assert (guessed.number, guessed.rle, guessed.flags) == (0, None, ())
    assert (visible.number, visible.text, visible.flags) == (
        10,
        "a blue ring",
        ("area jump",),
    ) and visible.rle
    assert visible.box == (0, 0, 10, 10) and len(created.at(8)) == 1 and created.at(99) == []


def test_the_fullest_frame_has_most_masks_then_the_largest() -> None:
    assert (
        marks(
            row(0, 1, 50),
            row(0, 2),
            row(10, 2),
            row(0, 3, 20),
            row(10, 3),
            row(0, 4, 30),
            row(10, 4, 0),
        ).fullest()
        == 3
    )
    assert marks().fullest() == -1


def test_flags_by_object_in_order_of_time() -> None:
    created = marks(
        row(0, 9, flags=("speed",)), row(0, 2, flags=("border", "speed")), row(0, 5), row(10, 5)
    )
    assert created.flags() == {0: [(0.2, ["border", "speed"]), (0.9, ["speed"])]}


def test_rows_of_an_attempt_that_died_are_passed_over() -> None:
    assert (
        marks(row(5, 1), row(0, 1)).at(1)[0].number == 0
        and len(marks(row(5, 1), row(0, 1)).at(1)) == 1
    )


def test_trajectories() -> None:
    places = [
        {"time_s": 0.0, "x": 1.0, "y": 2.0, "inferred": False},
        {"time_s": 1.0, "x": 3.0, "y": 4.0, "inferred": True},
    ]
    full, empty = pa.array([places, []], TRACKS.field("trajectory").type)
    created = path(3, full)
    assert (
        created.points.tolist() == [[1, 2], [3, 4]]
        and created.inferred.tolist() == [False, True]
        and created.number == 3
    )
    assert path(0, empty).points.shape == (0, 2)

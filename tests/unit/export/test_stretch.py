"""Names fit folders and stay apart; objects are numbered by their first frame."""

import numpy as np
from exported import read_stretches, write_masks
from hypothesis import given
from hypothesis import strategies as st
from tracked import LINEAGE, RUN, clip, row, square, track

from trawl.export.stretch import categories_of, safe_name
from trawl.storage import Storage
from trawl.track import tables as write


@given(st.text(min_size=1), st.text(min_size=1))
def test_names_are_safe_and_apart(one: str, other: str) -> None:
    name = safe_name(one)
    assert name not in ("", ".", "..") and set(name) <= set("-._") | {
        c for c in name if c.isascii() and c.isalnum()
    }
    assert not name.startswith((".", "/")) and len(name) < 100
    assert (name == safe_name(other)) == (one == other)


def test_objects_are_numbered_by_when_they_begin(local_storage: Storage) -> None:
    found = np.ones((3, 4, 4, 4), bool)
    found[0, :2] = False
    found[1, :1] = False
    write_masks(local_storage, "a.mp4", "c1", found)
    (stretch,) = read_stretches(local_storage, {"a.mp4": ["c1"]}, by_clip=True)
    assert [(thing.number, thing.track_id) for thing in stretch.objects] == [
        (1, "c1-2"),
        (2, "c1-1"),
        (3, "c1-0"),
    ]
    assert (stretch.first_index, stretch.last_index, round(stretch.fps, 9)) == (5, 8, 10)
    assert [frame for frame, _ in stretch.frames()] == [5, 6, 7, 8]


def test_frames_that_the_tracker_skipped_are_not_shown_as_empty(local_storage: Storage) -> None:
    """Every third frame was tracked; in one of those the object is only guessed, and its first row
    is left out by `where`.
    """
    size = (6, 6)
    rows = [
        row(n, None if n == 9 else square(size, 1, 1, 3), 0.2 if n == 3 else 0.9)
        for n in range(3, 16, 3)
    ]
    write.write_clip(
        local_storage, "demo", RUN, clip("c1", "a.mp4"), [track(0, rows, size)], LINEAGE
    )
    (stretch,) = read_stretches(
        local_storage, {"a.mp4": ["c1"]}, by_clip=True, where="score > 0.5 and rle is not null"
    )
    assert stretch.shown == (6, 9, 12, 15)
    assert [index for index, _ in stretch.frames()] == [6, 12, 15]


def test_a_clip_or_a_video_is_the_unit(local_storage: Storage) -> None:
    for clip_id, first_index in (("c2", 0), ("c1", 50)):
        write_masks(local_storage, "cam/a.mp4", clip_id, np.ones((1, 2, 4, 4), bool), first_index)
    of_video = read_stretches(local_storage, {"cam/a.mp4": ["c1", "c2"]}, by_clip=False)
    of_clips = read_stretches(local_storage, {"cam/a.mp4": ["c1", "c2"]}, by_clip=True)
    name = safe_name("cam/a.mp4")
    assert [s.name for s in of_video] == [name] and [s.name for s in of_clips] == [
        f"{name}-c2",
        f"{name}-c1",
    ]
    assert read_stretches(local_storage, {"cam/a.mp4": ["c1"]}, by_clip=False, where="false") == []


def test_no_phrase_is_given_the_number_that_means_ignore() -> None:
    phrases = {f"thing {n:02d}" for n in range(12)}
    numbers = categories_of(phrases, {"thing 05": 1})
    assert numbers["thing 05"] == 1 and sorted(numbers.values()) == [
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        11,
        12,
        13,
    ]
    assert categories_of({"a", "b"}, {"a": 3, "b": 3}) == {"a": 3, "b": 3}

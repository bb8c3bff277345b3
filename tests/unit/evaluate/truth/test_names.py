"""A sequence finds its video however either is spelt, and a guess is never made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trawl.errors import TruthError
from trawl.evaluate.truth.names import Names
from trawl.records.video import safe_name

IDS = ["cam 1/a.mp4", "cam 1/b.mp4", "cam 2/c.mkv", "d.v2.mp4", "cam 3/a.avi"]


@pytest.mark.parametrize(
    ("sequence", "video_id"),
    [
        ("cam 1/a.mp4", "cam 1/a.mp4"),
        ("cam 1/a", "cam 1/a.mp4"),
        ("cam 3/a", "cam 3/a.avi"),
        (safe_name("cam 1/b.mp4"), "cam 1/b.mp4"),
        ("train/" + safe_name("cam 2/c.mkv"), "cam 2/c.mkv"),
        ("b.mp4", "cam 1/b.mp4"),
        ("train/c", "cam 2/c.mkv"),
        ("d.v2", "d.v2.mp4"),
        ("a.avi", "cam 3/a.avi"),
        ("e", None),
        ("cam", None),
    ],
)
def test_spellings(sequence: str, video_id: str | None) -> None:
    assert Names(IDS).find(sequence) == video_id


@pytest.mark.parametrize("ids", [["x/a.mp4", "y/a.mp4"], ["a.mp4", "a.mkv"]])
def test_two_that_fit_are_an_error(ids: list[str]) -> None:
    with pytest.raises(TruthError, match=f"may be {ids[0]} or {ids[1]}"):
        Names(ids).find("a")


PATHS = st.text("ab .", min_size=1, max_size=3).map(lambda text: f"{text}x")


@given(st.sets(st.lists(PATHS, min_size=1, max_size=2).map("/".join), min_size=1, max_size=6))
def test_every_video_is_found_by_its_own_id_and_by_its_exported_name(ids: set[str]) -> None:
    names = Names(sorted(ids))
    assert all(names.find(video_id) == video_id for video_id in ids)
    plain = {video_id for video_id in ids if safe_name(video_id) != video_id}
    assert all(names.find(safe_name(video_id)) == video_id for video_id in plain)

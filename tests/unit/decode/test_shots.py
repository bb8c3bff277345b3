from dataclasses import dataclass

import numpy as np
import pytest
from crafted import write_video
from hypothesis import given
from hypothesis import strategies as st

from trawl.config.data import DecodeConfig, SamplingConfig
from trawl.decode.reader import read
from trawl.decode.shots import Spread, sample_shots
from trawl.records.video import ImageSpec

COLORS = [(200, 40, 40), (40, 180, 60), (50, 60, 210), (220, 210, 40)]


@dataclass(frozen=True)
class Flat:
    """A picture of one colour."""

    frame_index: int
    color: tuple[int, int, int]
    suspect: bool = False

    def rgb(self):
        return np.full((8, 8, 3), self.color, np.uint8)

    def small(self, width: int):
        return np.full((width, width, 3), self.color[::-1], np.uint8)


def pictures(lengths: list[int]) -> list[Flat]:
    colors = [COLORS[shot % 4] for shot, length in enumerate(lengths) for _ in range(length)]
    return [Flat(i, color) for i, color in enumerate(colors)]


def taken(lengths: list[int], start_s: float = 3.0, **settings) -> list[tuple[int, int]]:
    """(frame_index, shot) at 25 frames a second."""
    config = SamplingConfig("scenes", **settings)
    times = start_s + np.arange(sum(lengths)) / 25
    return [
        (one.frame_index, shot)
        for one, shot in sample_shots(iter(pictures(lengths)), times, config)
    ]


@pytest.mark.parametrize(
    ("lengths", "settings", "expected"),
    [
        ([50], {}, [(25, 0)]),
        ([1], {}, [(0, 0)]),
        ([50, 50, 50], {}, [(25, 0), (75, 1), (125, 2)]),
        ([50, 50], {"frames_per_shot": 2}, [(12, 0), (37, 0), (62, 1), (87, 1)]),
        ([100], {"max_gap_s": 2.0}, [(25, 0), (75, 0)]),
        ([50, 50], {"scene_threshold": 250.0}, [(50, 0)]),
        ([2, 2, 2, 50], {"frames_per_shot": 3}, [(9, 0), (28, 0), (46, 0)]),
    ],
    ids=[
        "one shot",
        "one frame",
        "three shots",
        "two a shot",
        "a long take",
        "threshold",
        "flashes are no shots",
    ],
)
def test_each_shot_gives_its_frames(lengths, settings, expected):
    got = taken(lengths, **settings)
    assert [shot for _, shot in got] == [shot for _, shot in expected]
    for (index, _), (middle, _) in zip(got, expected, strict=True):
        assert abs(index - middle) <= max(lengths) / 8  # pictures are kept to an eighth of a shot


@pytest.mark.parametrize("start_s", [0.0, -0.08, 1000.0])
def test_where_the_times_start_does_not_matter(start_s):
    assert taken([50, 50, 20], start_s=start_s) == taken([50, 50, 20])


def test_no_picture_no_shot():
    assert taken([]) == []


@given(count=st.integers(1, 3000), capacity=st.integers(2, 40), number=st.integers(1, 8))
def test_a_spread_stays_small_and_even(count, capacity, number):
    spread = Spread(capacity)
    for item in range(count):
        spread.add(item)
        assert len(spread) <= capacity
    got = spread.take(number)
    assert got == sorted(set(got))
    assert 1 <= len(got) <= number
    for part, item in enumerate(got):
        if len(got) == number and capacity >= 8 * number:
            assert abs(item - (2 * part + 1) * count / (2 * number)) <= max(1, count / number / 4)


def test_shots_of_a_file(tmp_path):
    still = [np.full((120, 160, 3), color, np.uint8) for color in COLORS[:3] for _ in range(30)]
    path = write_video(tmp_path / "shots.mp4", frames=still)
    batch, report = read(path, SamplingConfig("scenes"), ImageSpec(32, "squash"), DecodeConfig())
    assert batch.shot.tolist() == [0, 1, 2]
    np.testing.assert_allclose(batch.frames.mean(axis=(1, 2)), COLORS[:3], atol=6)
    assert report.frames_decoded == 90

"""A video is in one part, whatever comes or goes, and the shares are kept."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trawl.config.data import SplitConfig
from trawl.errors import ConfigError
from trawl.export.split import part_of

VIDEOS = [f"cam{n % 7}/{n:05d}.mp4" for n in range(4000)]


def test_shares_are_kept() -> None:
    found = Counter(part_of(video, SplitConfig(train=6, val=3, test=1)) for video in VIDEOS)
    assert {name: round(count / 4000, 1) for name, count in found.items()} == {
        "train": 0.6,
        "val": 0.3,
        "test": 0.1,
    }


def test_a_part_without_a_share_gets_nothing() -> None:
    assert {part_of(video, SplitConfig(train=0, val=1, test=0)) for video in VIDEOS} == {"val"}


@given(st.text(min_size=1), st.integers(0, 5))
def test_a_video_always_lands_in_the_same_part(video: str, seed: int) -> None:
    config = SplitConfig(seed=seed)
    assert (
        part_of(video, config)
        == part_of(video, config, {"other": "test"})
        in ("train", "val", "test")
    )


def test_another_seed_deals_anew() -> None:
    parts = [[part_of(video, SplitConfig(seed=seed)) for video in VIDEOS] for seed in (0, 1)]
    assert parts[0] != parts[1]


def test_the_datasets_own_part_comes_first() -> None:
    assert {
        part_of(video, SplitConfig(), dict.fromkeys(VIDEOS, "holdout-2")) for video in VIDEOS
    } == {"holdout-2"}


def test_what_cannot_be_dealt_is_refused() -> None:
    with pytest.raises(ConfigError, match="all 0"):
        part_of("a", SplitConfig(train=0, val=0, test=0))
    with pytest.raises(ConfigError, match=r"\.\./x"):
        part_of("a", SplitConfig(), {"a": "../x"})

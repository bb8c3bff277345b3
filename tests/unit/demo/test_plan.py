"""The plan of the default corpus: its parts, its special videos, and who plays where."""

import numpy as np
import pytest

from trawl.demo import words
from trawl.demo.plan import plan_video


@pytest.fixture(scope="module")
def plans():
    return [plan_video(0, index) for index in range(48)]


def cast(plan):
    return {(thing.color, thing.shape) for thing in plan.scene.things}


def test_parts(plans):
    splits = [plan.split for plan in plans]
    assert (splits.count("train"), splits.count("val"), splits.count("test")) == (24, 6, 18)
    assert len({plan.video_id for plan in plans}) == 48
    assert all(plan.video_id.startswith(plan.split + "/") for plan in plans)


def test_unseen_pairs_play_in_the_test_part_only(plans):
    assert all(not cast(plan) & words.TEST_ONLY for plan in plans if plan.split != "test")
    assert (
        len(set().union(*(cast(plan) for plan in plans if plan.split == "test")) & words.TEST_ONLY)
        >= 8
    )


def test_special_videos(plans):
    assert {plan.rotation_deg for plan in plans} == {0, 90, 180, 270}
    assert sum(plan.variable_rate for plan in plans) == 4
    long = [plan for plan in plans if plan.scene.duration_s >= 40]
    assert len(long) == 4 and {plan.split for plan in long} == {"train", "test"}
    assert all(4 <= plan.scene.duration_s <= 8 for plan in plans if plan not in long)


def test_a_red_star_is_worth_asking_for(plans):
    stars = [plan for plan in plans if ("red", "star") in cast(plan)]
    assert 5 <= len(stars) <= 12
    assert any(plan.scene.duration_s > 40 for plan in stars)
    others = [plan for plan in plans if plan not in stars]
    assert sum(any(color == "red" for color, _ in cast(plan)) for plan in others) >= 5
    assert sum(any(shape == "star" for _, shape in cast(plan)) for plan in others) >= 5


def test_sizes_suit_the_codec_and_the_issue(plans):
    assert all(side % 2 == 0 for plan in plans for side in plan.size)
    assert all(max(plan.size) >= 320 for plan in plans)
    assert len({plan.size for plan in plans}) >= 4


def test_times_are_exact_and_increase(plans):
    for plan in plans:
        times = np.array(plan.times_s)
        assert times[0] == 0 and (np.diff(times) > 0).all()
        assert times[-1] == float(plan.ticks[-1] * plan.time_base)
        assert 23 <= plan.fps <= 30.5


def test_a_plan_depends_on_seed_and_index_alone():
    assert plan_video(3, 5) == plan_video(3, 5)
    assert plan_video(3, 5) != plan_video(4, 5)

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trawl.config.data import SamplingConfig
from trawl.decode.sampling import PLANNED, READS, inside, plan, what_counts

POLICIES = sorted(PLANNED)


@st.composite
def videos(draw):
    """(times, keyframes): variable rate, offset, holes, any keyframes at all."""
    gaps = draw(
        st.lists(st.sampled_from([0.01, 0.0334, 0.04, 0.25, 3.0]), min_size=0, max_size=120)
    )
    times = draw(st.sampled_from([0.0, 5.0, -0.08])) + np.cumsum([0.0, *gaps])
    keys = draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times)))
    return times, np.array(keys, np.bool_)


def configs(policy):
    return st.builds(
        SamplingConfig,
        policy=st.just(policy),
        every_s=st.sampled_from([0.01, 0.1, 0.5, 2.0, 100.0]),
        max_gap_s=st.sampled_from([0.2, 1.0, 5.0]),
    )


@pytest.mark.parametrize("policy", POLICIES)
@given(data=st.data(), video=videos())
@settings(max_examples=150, deadline=None)
def test_a_plan_is_increasing_in_range_and_has_the_first_frame(policy, data, video):
    times, keys = video
    chosen = plan(times, keys, data.draw(configs(policy)))
    assert chosen.dtype == np.int64
    assert chosen[0] == 0
    assert (np.diff(chosen) > 0).all()
    assert chosen[-1] < len(times)


@pytest.mark.parametrize("policy", POLICIES)
@given(data=st.data(), video=videos(), cuts=st.lists(st.floats(-1, 60), max_size=4))
@settings(max_examples=150, deadline=None)
def test_spans_that_meet_add_up_to_the_whole(policy, data, video, cuts):
    times, keys = video
    config = data.draw(configs(policy))
    edges = [-np.inf, *sorted(cuts), np.inf]
    parts = [plan(times, keys, config, (a, b)) for a, b in itertools.pairwise(edges)]
    assert np.concatenate(parts).tolist() == plan(times, keys, config).tolist()


@given(video=videos(), config=configs("interval"))
@settings(max_examples=150, deadline=None)
def test_interval_takes_one_frame_of_each_step_that_has_one(video, config):
    times, keys = video
    chosen = plan(times, keys, config)
    step = np.floor((times - times[0] + 1e-3) / config.every_s)
    assert step[chosen].tolist() == np.unique(step).tolist()


@given(video=videos(), config=configs("keyframes"))
@settings(max_examples=150, deadline=None)
def test_keyframes_leaves_no_gap_that_the_video_could_fill(video, config):
    times, keys = video
    chosen = plan(times, keys, config)
    widest = max(config.max_gap_s, config.every_s)
    for a, b in itertools.pairwise(chosen):
        # at most one frame distance late at either end
        assert times[b] - times[a] <= widest + np.diff(times[a : b + 1]).max() + 1e-2
    assert times[-1] - times[chosen[-1]] <= widest + 1e-2


@pytest.mark.parametrize(
    ("every_s", "expected"),
    [(0.5, [0, 15, 30, 45, 60, 75]), (1.0, [0, 30, 60]), (1000.0, [0]), (0.001, list(range(90)))],
    ids=["half a second", "a second", "longer than the video", "shorter than a frame"],
)
def test_interval_at_29_97_frames_a_second(every_s, expected):
    times = np.arange(90) * 1001 / 30000
    assert plan(times, times == 0, SamplingConfig("interval", every_s=every_s)).tolist() == expected


@pytest.mark.parametrize("rounded", [25, 30, 24, 60])
def test_interval_survives_times_rounded_to_a_millisecond(rounded):
    times = np.round(np.arange(10 * rounded) / rounded, 3)
    chosen = plan(times, times == 0, SamplingConfig("interval", every_s=0.5))
    assert chosen.tolist() == [
        i * rounded / 2 if rounded % 2 == 0 else -(-i * rounded // 2) for i in range(20)
    ]


def test_keyframes_that_crowd_are_thinned():
    times = np.arange(100) / 10
    chosen = plan(
        times, np.ones(100, bool), SamplingConfig("keyframes", every_s=2.0, max_gap_s=5.0)
    )
    assert chosen.tolist() == [0, 20, 40, 60, 80]


def test_inside_takes_the_start_and_leaves_the_end():
    assert inside(np.array([0.0, 1.0, 2.0]), (1.0, 2.0)).tolist() == [False, True, False]
    assert inside(np.array([0.0, 1.0]), None).all()


OTHER = {"every_s": 0.3, "scene_threshold": 3.0, "frames_per_shot": 4, "max_gap_s": 1.5}


@pytest.mark.parametrize("policy", READS)
def test_what_counts_is_all_that_a_policy_reads_and_nothing_else(policy):
    """Where it differs an index is built anew."""
    plain = SamplingConfig(policy)
    for name, value in OTHER.items():
        other = SamplingConfig(policy, **{name: value})
        assert (what_counts(other) != what_counts(plain)) == (name in READS[policy]), name
    times_s, keyframe = np.arange(100) / 10, np.arange(100) == 0
    if policy in PLANNED:
        odd = SamplingConfig(policy, **OTHER)
        assert (
            plan(times_s, keyframe, what_counts(odd)).tolist()
            == plan(times_s, keyframe, odd).tolist()
        )


@pytest.mark.parametrize("policy", READS)
def test_the_samplings_that_come_with_trawl_are_what_counts(policy):
    """So their recipes keep the keys that they have always had."""
    from trawl import cli
    from trawl.config.jobs import IndexConfig

    config = cli.compose(
        "index", IndexConfig, ["+dataset=folder", "dataset.uri=x", f"sampling={policy}"]
    ).sampling
    assert what_counts(config) == config

"""Found, kept, false, doubled, never reached: each from a scene of which the answer is plain."""

import numpy as np
import pytest
from beside_truth import STAR, near, paired, random_film, square, track, truth, values
from hypothesis import given, settings
from hypothesis import strategies as st

from trawl.config.steps import EvaluationConfig
from trawl.evaluate.clip import ClipQuery
from trawl.evaluate.counting import Corpus
from trawl.evaluate.end_to_end import EndToEnd
from trawl.evaluate.measured import Measured

LEFT, RIGHT = {n: square(5) for n in range(10)}, {n: square(50) for n in range(10)}
MIDDLE = {n: square(30, 35) for n in range(10)}


def measured(*clips, corpus: Corpus | None = None) -> Measured:
    measurement = EndToEnd(EvaluationConfig(), corpus)
    for clip in clips:
        measurement.add(clip)
    return measurement.measured()


def holding(*keys: tuple[str, str, int]) -> Corpus:
    return Corpus(frozenset(keys), {STAR: ("things=1",)})


def test_perfect() -> None:
    found = values(
        measured(
            paired([truth(1, LEFT)], [track("c1-0", LEFT)]), corpus=holding((STAR, "a.mp4", 1))
        )
    )
    assert (
        found["found"]
        == found["identity_kept"]
        == found["found_in_corpus"]
        == found["retrieval_reach"]
        == 1
    )
    assert found["false_tracks_per_segment"] == found["duplicate_tracks_per_segment"] == 0
    assert found["false_tracks_per_hour"] == 0
    assert found["false_tracks_per_absent_segment"] is found["retrieval_loss"] is None


def test_nothing_followed() -> None:
    result = measured(paired([truth(1, LEFT)], []), corpus=holding((STAR, "a.mp4", 1)))
    found = values(result)
    assert found["found"] == found["found_in_corpus"] == found["retrieval_loss"] == 0
    assert found["identity_kept"] is None
    assert all(m.why for m in result.metrics if m.value is None)


def test_false_and_double_tracks() -> None:
    part = {n: square(5) for n in range(4)}
    tracks = [track("c1-0", LEFT), track("c1-1", part), track("c1-2", RIGHT), track("c1-3", MIDDLE)]
    found = values(measured(paired([truth(1, LEFT)], tracks)))
    assert (found["false_tracks_per_segment"], found["duplicate_tracks_per_segment"]) == (2, 1)
    assert found["false_tracks_per_hour"] == pytest.approx(2 * 3600)  # the clip lasts one second


def test_where_the_thing_is_absent() -> None:
    result = measured(
        paired([], [track("c1-0", LEFT), track("c1-1", RIGHT)]), paired([], [], clip_id="c2")
    )
    found = values(result)
    assert (
        found["false_tracks_per_absent_segment"],
        found["absent_segments_with_false_track"],
    ) == (1.0, 0.5)
    assert found["false_tracks_per_segment"] is found["found"] is None


def test_what_does_not_count_is_nobodys_mistake() -> None:
    queries = [ClipQuery(STAR, (1,), (2,))]
    found = values(
        measured(
            paired(
                [truth(1, LEFT), truth(2, RIGHT)],
                [track("c1-0", LEFT), track("c1-1", RIGHT)],
                queries=queries,
            )
        )
    )
    assert (
        found["false_tracks_per_segment"],
        found["duplicate_tracks_per_segment"],
        found["found"],
    ) == (0, 0, 1)


def test_a_segment_with_barely_a_thing_is_neither_with_nor_without() -> None:
    found = values(
        measured(
            paired([truth(2, RIGHT)], [track("c1-1", LEFT)], queries=[ClipQuery(STAR, (), (2,))])
        )
    )
    assert found["false_tracks_per_segment"] is found["false_tracks_per_absent_segment"] is None


def test_half_of_it_is_found_and_less_is_not() -> None:
    def found(frames: int) -> float | None:
        part = {n: square(5) for n in range(frames)}
        return values(measured(paired([truth(1, LEFT)], [track("c1-0", part)])))["found"]

    assert (found(5), found(4)) == (1, 0)


def test_identity_is_lost_to_any_other_object_of_the_video() -> None:
    wanders = {n: square(5) if n < 7 else square(50) for n in range(10)}
    queries = [ClipQuery(STAR, (1,))]  # the second object is no red star
    found = values(
        measured(
            paired(
                [truth(1, LEFT), truth(2, RIGHT, ("ring",))],
                [track("c1-0", wanders)],
                queries=queries,
            )
        )
    )
    assert found["identity_kept"] == 0.7


def test_what_retrieval_never_reached_is_missed() -> None:
    corpus = holding((STAR, "a.mp4", 1), (STAR, "b.mp4", 1), (STAR, "c.mp4", 7))
    result = measured(
        paired([truth(1, LEFT)], [track("c1-0", LEFT)]),
        paired([truth(1, LEFT)], [], clip_id="c2", video_id="b.mp4"),
        corpus=corpus,
    )
    found = values(result)
    assert (found["found"], found["found_in_corpus"]) == (0.5, pytest.approx(1 / 3))
    assert (found["retrieval_reach"], found["retrieval_loss"]) == (pytest.approx(2 / 3), 0.5)
    assert values(result, "things=1")["found_in_corpus"] == pytest.approx(1 / 3)


def test_an_object_of_two_clips_is_one_of_the_corpus_and_its_better_clip_counts() -> None:
    clips = [
        paired([truth(1, LEFT)], [], clip_id="c2"),
        paired([truth(1, LEFT)], [track("c1-0", LEFT)]),
    ]
    found = values(measured(*clips, corpus=holding((STAR, "a.mp4", 1))))
    assert (found["found"], found["found_in_corpus"]) == (0.5, 1.0)


def test_an_unknown_corpus_is_null_and_says_so() -> None:
    result = measured(paired([truth(1, LEFT)], []))
    assert {m.name for m in result.metrics if "not looked at" in m.why} == {
        "found_in_corpus",
        "retrieval_reach",
        "retrieval_loss",
    }


def test_texts_that_the_truth_does_not_know_are_counted_once() -> None:
    from dataclasses import replace

    item = paired([truth(1, LEFT)], [])
    item = replace(item, clip=replace(item.clip, unknown=("a dog", "a cat")))
    assert values(measured(item, item))["texts_not_evaluated"] == 2


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.permutations(range(3)))
def test_names_of_tracks_change_nothing_and_shares_are_shares(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    films = [random_film(rng, 10) for _ in range(3)]
    followed = [near(film, rng, most=8) for film in films]
    first, second = (
        values(measured(paired([truth(n, f) for n, f in enumerate(films[:2])], tracks)))
        for tracks in (
            [track(f"c1-{n}", film, 0.1 * n) for n, film in enumerate(followed)],
            [track(f"c1-{order[n]}", followed[n], 0.1 * n) for n in order],
        )
    )
    assert first == second
    for name in ("found", "identity_kept", "average_precision", "average_precision_50"):
        assert first[name] is None or 0 <= first[name] <= 1

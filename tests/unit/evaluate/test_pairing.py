"""One to one by the best total, whatever the tracks are called; what does not count is nobody's
mistake.
"""

import numpy as np
from beside_truth import STAR, boxes_only, clip, moving, near, random_film, square, track, truth
from hypothesis import given, settings
from hypothesis import strategies as st

from trawl.config.steps import EvaluationConfig
from trawl.evaluate.clip import ClipQuery
from trawl.evaluate.pairing import pair

CONFIG = EvaluationConfig()
LEFT, RIGHT = {n: square(5) for n in range(10)}, {n: square(50) for n in range(10)}


def test_the_best_total_and_not_the_best_first() -> None:
    """The first track suits both objects and the first a little better, but only it suits the
    second at all.
    """
    objects = [
        truth(1, {n: square(10) for n in range(4)}),
        truth(2, {n: square(14) for n in range(4)}),
    ]
    tracks = [
        track("c1-0", {n: square(12) for n in range(4)}, 0.9),
        track("c1-1", {n: square(0) for n in range(4)}, 0.8),
    ]
    (text,) = pair(clip(objects, tracks, frames=4), CONFIG).texts
    assert text.track_of == {0: 1, 1: 0}


def test_tracks_of_other_texts_are_no_answer() -> None:
    queries = [ClipQuery(STAR, (1,)), ClipQuery("a blue ring", ())]
    star, ring = pair(
        clip([truth(1, LEFT)], [track("c1-0", LEFT, text="a blue ring")], queries=queries), CONFIG
    ).texts
    assert (star.track_of, star.tracks) == ({}, ())
    assert ring.false_tracks(CONFIG.match_iou) == [0]


def test_what_does_not_count_is_neither_missed_nor_false() -> None:
    scene = clip(
        [truth(1, LEFT), truth(2, RIGHT)],
        [track("c1-0", RIGHT)],
        queries=[ClipQuery(STAR, (1,), (2,))],
    )
    (text,) = pair(scene, CONFIG).texts
    assert (text.num_targets, text.track_of, text.false_tracks(CONFIG.match_iou)) == (1, {}, [])


def test_too_little_overlap_is_no_pair() -> None:
    (text,) = pair(clip([truth(1, LEFT)], [track("c1-0", {**RIGHT, 0: square(12)})]), CONFIG).texts
    assert text.overlap.mean()[0, 0] > 0
    assert text.track_of == {}
    assert text.false_tracks(CONFIG.match_iou) == [0]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.permutations(range(4)))
def test_names_and_order_of_tracks_change_nothing(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    films = [random_film(rng, 8) for _ in range(4)]
    objects = [truth(n, film) for n, film in enumerate(films[:3])]
    followed = [near(film, rng) for film in films]
    first = [track(f"c1-{n}", film, 0.1 * n) for n, film in enumerate(followed)]
    second = [track(f"c1-{order[n]}", followed[n], 0.1 * n) for n in order]
    item, other = (
        pair(clip(objects, tracks, frames=8), CONFIG).texts[0] for tracks in (first, second)
    )
    assert item.track_of == other.track_of  # positions are by score
    assert np.array_equal(item.overlap.iou, other.overlap.iou)


def test_on_boxes_where_the_truth_has_no_masks() -> None:
    result = pair(clip([boxes_only(truth(1, moving(5)))], [track("c1-0", moving(5))]), CONFIG)
    assert not result.has_masks
    assert result.texts[0].track_of == {0: 0}

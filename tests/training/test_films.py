"""Test films: never the same scene twice, true masks, and the same truth whether drawn or decoded."""

import numpy as np
import pytest

from training import films


@pytest.fixture(scope="module")
def some() -> list[films.Film]:
    return list(films.drawn(0, 4, 5))


def test_drawn_films_are_repeatable_and_differ(some):
    again = list(films.drawn(0, 4, 5))
    assert all(
        np.array_equal(a.frames, b.frames) and np.array_equal(a.masks, b.masks)
        for a, b in zip(some, again)
    )
    assert not np.array_equal(next(films.drawn(1, 1, 5)).masks[0, 0], some[0].masks[0, 0])
    assert not np.array_equal(next(films.drawn(0, 1, 5, "val")).masks[0, 0], some[0].masks[0, 0])


def test_first_frames_show_what_is_followed(some):
    for film in some:
        assert film.masks.shape[1:] == film.frames.shape[:3]
        assert (film.shares[:, 0] >= 0.5).all() and film.shares.max() <= 1.05
        assert film.things >= len(film.masks) >= 1
        assert film.masks.sum(axis=0).max() <= 1  # nothing is two things
        assert (film.speeds >= 0).all() and film.speeds.max() < 3


def test_decoded_films_show_the_corpus(small_corpus, truth_objects):
    shown = list(films.decoded(small_corpus, 6))
    assert len(shown) == 3  # of eight videos three are for tests
    for film in shown:
        assert film.masks.shape[1:] == film.frames.shape[:3] and film.masks.shape[1] == 6
        assert film.masks[:, 0].any(axis=(1, 2)).all()
        # through the codec a thing is still another colour than what surrounds it
        mask, frame = film.masks[0, 3], film.frames[3].astype(float)
        spread = np.abs(frame[mask] - np.median(frame[mask], axis=0)).mean()
        assert (
            spread
            < np.abs(frame[~film.masks[:, 3].any(axis=0)] - np.median(frame[mask], axis=0)).mean()
        )
    assert len(list(films.decoded(small_corpus, 6, most=1))) == 1

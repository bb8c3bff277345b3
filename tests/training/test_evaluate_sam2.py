"""The measure itself, with trackers of known quality: one that knows the truth, and one that never
moves.
"""

from collections.abc import Sequence

import numpy as np
import pytest

from training import films
from training.evaluate_sam2 import (
    PROMPTS,
    Followed,
    follow,
    held_still,
    outlines,
    report,
    slices,
    table,
)
from training.films import Film
from trawl.records.tracking import Prompt, TrackedFrame


class Knowing:
    """A tracker and session that answers with a film's truth, or with the truth of the first frame
    for ever.
    """

    def __init__(self, film: Film, moves: bool = True) -> None:
        self.film, self.moves = film, moves

    def open(self, frames: np.ndarray, size: tuple[int, int] | None = None) -> "Knowing":
        assert np.array_equal(frames, self.film.frames[: len(frames)])
        self.length = len(frames)
        return self

    def segment(self, prompts: Sequence[Prompt]) -> tuple[np.ndarray, np.ndarray]:
        return self.film.masks[:, 0], np.ones(len(prompts), np.float32)

    def propagate(self, prompts: Sequence[Prompt], reverse: bool = False):
        ids = np.array([p.object_id for p in prompts])
        for t in range(self.length):
            masks = self.film.masks[ids, t if self.moves else 0]
            yield TrackedFrame(t, ids, masks, np.ones(len(ids), np.float32))


@pytest.fixture(scope="module")
def film() -> Film:
    return next(
        film
        for film in films.drawn(3, 20, 25)
        if len(film.masks) > 1 and film.masks.any(axis=(2, 3)).all()
    )


def test_the_truth_is_perfect(film):
    tracker = Knowing(film)
    for kind in PROMPTS:
        assert outlines(tracker, film, kind) == [1.0] * len(film.masks)
        for one in follow(tracker, film, kind):
            assert (one.region == 1).all() and (one.contour == 1).all()


def test_standing_still_is_not(film):
    for one in follow(Knowing(film, moves=False), film, "box"):
        assert one.region[0] == one.contour[0] == 1
        assert 0 < one.region[1:].mean() < 0.9 and one.region[1] > one.region[1:].min()
    assert held_still(film)[0].region == pytest.approx(
        follow(Knowing(film, moves=False), film, "box")[0].region
    )


def test_prompts_are_on_the_object(film):
    mask = film.masks[0, 0]
    column, row = PROMPTS["point"](0, mask).points[0].astype(int)
    assert mask[row, column]
    x0, y0, x1, y1 = PROMPTS["box"](0, mask).box.astype(int)
    assert mask[y0:y1, x0:x1].sum() == mask.sum() and mask[y0].any() and mask[:, x1 - 1].any()
    a0, b0, a1, b1 = PROMPTS["coarse box"](0, mask).box
    assert (
        a0 <= x0
        and b0 <= y0
        and a1 >= x1
        and b1 >= y1
        and a1 - a0 < x1 - x0 + 2 * mask.shape[1] / 14
    )


def _followed(
    region: float, least: float = 1.0, speed: float = 0.1, things: int = 1, length: int = 21
) -> Followed:
    shares = np.full(length, 1.0)
    shares[length // 2] = least
    return Followed(np.full(length, region), np.full(length, region / 2), shares, speed, things)


def test_tables_are_means_over_objects():
    some = [
        _followed(1.0),
        _followed(0.5, least=0.1, things=3, speed=0.9),
        _followed(0.0, length=20),
    ]
    lines = table(some, 20)
    assert lines[2] == "| all | 2 | 0.750 | 0.375 | 0.562 |"  # the third is too short
    assert "| several things | 1 | 0.500 | 0.250 | 0.375 |" in lines
    assert "| at times less than 30 % seen | 1 | 0.500 | 0.250 | 0.375 |" in lines
    assert not any("30 to 90" in line for line in lines)


def test_the_prompted_frame_does_not_count():
    one = _followed(0.5)
    one.region[0] = one.contour[0] = 1.0
    assert table([one], 20)[2] == "| all | 1 | 0.500 | 0.250 | 0.375 |"


def test_every_object_has_one_speed_and_one_visibility():
    for one in (
        _followed(1, least, speed) for least in (0, 0.3, 0.5, 0.9, 1) for speed in (0, 0.3, 0.4, 2)
    ):
        names = [name for name, belongs in slices(20).items() if belongs(one)]
        assert len(names) == 4  # all, how many things, speed, visibility


def test_report_of_the_truth(film):
    lines = list(report(Knowing(film), [film]))
    assert f"| point | {len(film.masks)} | 1.000 | 1.000 | 1.000 |" in lines
    assert f"| all | {len(film.masks)} | 1.000 | 1.000 | 1.000 |" in lines

"""Training batches: reproducible, honest about what they show, and without a single held-out pair."""

import numpy as np
import pytest

from training.lessons import Batch, Shown, draw_batch, truth
from training.phrases import Phrase, Want
from trawl.demo import words


@pytest.fixture(scope="module")
def batch():
    return draw_batch(seed=0, step=3, count=32, size=64)


def test_same_step_same_batch_other_step_another(batch):
    again, other = draw_batch(0, 3, 32, 64), draw_batch(0, 4, 32, 64)
    assert np.array_equal(batch.images, again.images) and batch.captions == again.captions
    assert not np.array_equal(batch.images, other.images)


def test_no_held_out_pair_is_ever_shown(batch):
    shown = {(s.want.color, s.want.shape) for things in batch.shown for s in things}
    assert shown and not shown & words.TEST_ONLY


def test_ids_point_at_things_and_shares_at_what_is_visible(batch):
    assert batch.images.shape == (32, 64, 64, 3) and batch.images.dtype == np.uint8
    assert batch.ids.shape == (32, 64, 64)
    for ids, shown in zip(batch.ids, batch.shown):
        assert ids.max() < len(shown)
        for k, thing in enumerate(shown):
            if thing.share > 0.5:
                assert (ids == k).any()


def test_every_caption_is_true_of_some_picture(batch):
    true, _ = truth(batch.captions, batch)
    assert true.any(axis=1).all()


RED_STAR, BLUE_RING = Want("red", "star", "small"), Want("blue", "ring", "large")
CASES = {
    "pair": ((Want("red", "star"),), "", True, True),
    "with its size": ((RED_STAR,), "", True, True),
    "another size": ((Want("red", "star", "large"),), "", False, True),
    "color alone": ((Want(color="red"),), "", True, True),
    "the two words from two things": ((Want("red", "ring"),), "", False, True),
    "half hidden: doubtful": ((Want("blue", "ring"),), "", False, False),
    "one clear, one half hidden": ((Want("red", "star"), Want("blue", "ring")), "", False, False),
    "right background": ((Want("red", "star"),), "waves", True, True),
    "wrong background": ((Want("red", "star"),), "dots", False, True),
    "absent": ((Want("lime", "cross"),), "", False, True),
}


@pytest.mark.parametrize(
    ("wants", "background", "is_true", "is_sure"), CASES.values(), ids=list(CASES)
)
def test_truth(wants, background, is_true, is_sure):
    blank = np.zeros((1, 8, 8), dtype=np.int8)
    shown = ((Shown(RED_STAR, 1.0), Shown(BLUE_RING, 0.3)),)
    batch = Batch(np.zeros((1, 8, 8, 3), np.uint8), blank, shown, ("waves",), ())
    true, sure = truth((Phrase("", wants, background),), batch)
    assert (bool(true[0, 0]), bool(sure[0, 0])) == (is_true, is_sure)

"""The losses prefer the right answer, and say nothing about objects out of sight."""

import torch

from training.mask_losses import mask_terms, presence_term


def _square(size: int, low: int, high: int) -> torch.Tensor:
    mask = torch.zeros(1, size, size, dtype=torch.bool)
    mask[:, low:high, low:high] = True
    return mask


MASK, NONE = _square(32, 8, 24), torch.zeros(1, 32, 32, dtype=torch.bool)
GOOD = torch.where(_square(8, 2, 6), 9.0, -9.0)[:, None]


def test_right_masks_cost_least_and_measure_best():
    empty, inverse = torch.full_like(GOOD, -9.0), -GOOD
    _, iou = mask_terms(torch.cat([GOOD, empty, inverse], 1), torch.ones(1, 3), MASK, NONE)
    assert iou[0, 0] > 0.8 and iou[0, 1] == 0 and iou[0, 2] < 0.1
    costs = [float(mask_terms(x, torch.ones(1, 1), MASK, NONE)[0]) for x in (GOOD, empty, inverse)]
    assert costs[0] < 0.2 < 1 < costs[1] < costs[2]


def test_wrong_scores_cost():
    right, wrong = (
        float(mask_terms(GOOD, torch.full((1, 1), s), MASK, NONE)[0]) for s in (0.95, 0.1)
    )
    assert wrong > right + 0.5


def test_spilling_onto_another_thing_costs_more_than_onto_background():
    spilt = torch.where(_square(8, 2, 7), 9.0, -9.0)[:, None]
    beside = _square(32, 24, 28)
    beside[:, :28, 24:28] = beside[:, 24:28, :28] = True
    free, on_thing = (
        float(mask_terms(spilt, torch.ones(1, 1), MASK, others)[0]) for others in (NONE, beside)
    )
    assert on_thing > free


def test_out_of_sight():
    loss, _ = mask_terms(GOOD, torch.ones(1, 1), NONE, NONE)
    assert float(loss) == 0.0
    sure_gone, sure_there = torch.tensor([[-6.0]]), torch.tensor([[6.0]])
    assert presence_term(sure_gone, NONE) < 0.01 < 5 < presence_term(sure_there, NONE)
    assert presence_term(sure_there, MASK) < 0.01 < 5 < presence_term(sure_gone, MASK)


def test_missed_disappearances_can_weigh_more():
    wrong = torch.tensor([[2.0]])
    assert presence_term(wrong, NONE, 4.0) == 4 * presence_term(wrong, NONE)
    assert presence_term(wrong, MASK, 4.0) == presence_term(wrong, MASK)

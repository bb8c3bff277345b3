"""The contrast with several right answers, against numbers worked out by hand."""

import math

import pytest
import torch

from training.losses import NOTHING, PatchGuide, several_right

YES, NO = True, False


@pytest.mark.parametrize(
    ("logits", "right", "sure", "expected"),
    [
        ([[0.0, 0.0]], [[YES, NO]], [[YES, YES]], math.log(2)),
        ([[0.0, 0.0, 0.0]], [[YES, YES, NO]], [[YES, YES, YES]], math.log(3)),
        ([[0.0, 9.0]], [[YES, NO]], [[YES, NO]], 0.0),
        ([[0.0, 0.0], [5.0, -5.0]], [[YES, NO], [NO, NO]], [[YES, YES], [YES, YES]], math.log(2)),
        ([[3.0, 1.0]], [[NO, NO]], [[YES, YES]], 0.0),
    ],
    ids=[
        "one-right",
        "two-right",
        "the-other-is-doubtful",
        "row-without-answer",
        "no-answer-at-all",
    ],
)
def test_several_right(logits, right, sure, expected):
    loss = several_right(torch.tensor(logits), torch.tensor(right), torch.tensor(sure))
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_a_doubtful_answer_gets_no_gradient():
    logits = torch.zeros(1, 3, requires_grad=True)
    right, sure = torch.tensor([[YES, NO, NO]]), torch.tensor([[YES, YES, NO]])
    several_right(logits, right, sure).backward()
    assert logits.grad is not None
    assert logits.grad[0, 0] < 0 < logits.grad[0, 1]
    assert logits.grad[0, 2] == 0


def test_the_guide_leaves_unclear_patches_out():
    torch.manual_seed(0)
    guide = PatchGuide(units=4, colors=2, shapes=2)
    units = torch.rand(3, 4)
    whole = guide(units[:2], torch.tensor([0, 2]), torch.tensor([1, 2]))
    with_unclear = guide(units, torch.tensor([0, 2, NOTHING]), torch.tensor([1, 2, NOTHING]))
    assert whole.item() == pytest.approx(with_unclear.item())

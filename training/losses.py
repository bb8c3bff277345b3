"""What the demo CLIP is trained to do: four terms over one batch, each a cross-entropy with several
right answers.

    text -> picture   among the batch's pictures, those of which the text is true
    picture -> text   among the batch's texts, those that are true of the picture
    text -> patch     among all patches of the batch, those that show the thing: this is what makes
                      it localise
    patch -> word     which colour and which shape a patch shows, or background: a guide for the
                      first steps

Doubtful pairs (a thing half hidden) count neither way. The last two use the generator's masks,
which web data does not have.
"""

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import Tensor, nn

NOTHING = -1  # a patch that shows no thing clearly, nor clearly none: left out


def several_right(logits: Tensor, right: Tensor, sure: Tensor) -> Tensor:
    """Cross-entropy of rows whose right answers are many: -log of their mean share. () fp32.

    Args:
        logits: (R, C).
        right: (R, C) bool.
        sure: (R, C) bool; columns that are not are no answer at all. Rows without a right answer
            are left out.
    """
    rows = right.any(dim=1)
    if not bool(rows.any()):
        return logits.sum() * 0
    logits, right, sure = logits[rows], right[rows], sure[rows]
    chosen = torch.log_softmax(logits.masked_fill(~sure, float("-inf")), dim=1)
    # the mean over right answers rather than their best: every one of them has to rank high
    return -(chosen.masked_fill(~right, 0.0).sum(dim=1) / right.sum(dim=1)).mean()


class PatchGuide(nn.Module):
    """Reads colour and shape off a patch's detectors.

    Only training needs it; the shipped model has no trace of it.
    """

    def __init__(self, units: int, colors: int, shapes: int) -> None:
        super().__init__()
        self.color, self.shape = nn.Linear(units, colors + 1), nn.Linear(units, shapes + 1)

    def forward(self, units: Tensor, color: Tensor, shape: Tensor) -> Tensor:
        """units (P, U); color and shape (P,) int64, the last class is background and NOTHING is
        left out. () fp32.
        """
        weight = torch.ones(self.color.out_features)
        weight[-1] = 0.2  # most patches are background
        a = F.cross_entropy(self.color(units), color, weight, ignore_index=NOTHING)
        weight = torch.ones(self.shape.out_features)
        weight[-1] = 0.2
        return a + F.cross_entropy(self.shape(units), shape, weight, ignore_index=NOTHING)


def contrast(pictures: Tensor, texts: Tensor, true: Tensor, sure: Tensor, scale: Tensor) -> Tensor:
    """Both directions between pictures (N, D) and texts (Q, D), all unit length; true, sure (Q, N)
    bool. () fp32.
    """
    logits = scale * texts @ pictures.T
    return several_right(logits, true, sure) + 0.5 * several_right(logits.T, true.T, sure.T)


def ground(patches: Tensor, texts: Tensor, shows: Tensor, sure: Tensor, scale: Tensor) -> Tensor:
    """Text to patch: patches (P, D) and texts (Q, D) unit length; shows, sure (Q, P) bool.

    () fp32.
    """
    return several_right(scale * texts @ patches.T, shows, sure)

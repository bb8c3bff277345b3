"""What the demo SAM 2 is trained to do: outline one object, know how well it did, and know when the
object is gone.

Every candidate mask of a prediction is held to the truth, not only the best: the demo's objects are
not ambiguous, and so no candidate is left untrained. Masks are compared at twice the logits' size
with the share of each cell that the object covers.
"""

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import Tensor

# weight of pixels on any thing: telling things apart matters more than background, which is easy
_THINGS = 4.0

# sam2 says -1024 where it believes the object gone, which would drown all else that is said of the
# loss
_FLOOR = -32.0


def mask_terms(
    logits: Tensor, scores: Tensor, mask: Tensor, others: Tensor
) -> tuple[Tensor, Tensor]:
    """The loss of masks and of their scores, and how good the masks are.

    Args:
        logits: (B, K, h, w), K candidates for each of B objects.
        scores: (B, K) what the model expects each candidate's IoU to be.
        mask: (B, S, S) bool, the object; others: (B, S, S) bool, all other things. S is a multiple
            of 2 h.

    Returns:
        Loss per object (B,) fp32, 0 where the object is not in sight; IoU of each candidate (B, K),
        no gradient.
    """
    logits = logits.clamp(min=_FLOOR)
    side = logits.shape[-1] * 2
    cell = mask.shape[-1] // side
    truth = F.avg_pool2d(mask.float().unsqueeze(1), cell)
    weight = 1 + (_THINGS - 1) * F.avg_pool2d((mask | others).float().unsqueeze(1), cell)
    fine = F.interpolate(logits, size=(side, side), mode="bilinear", align_corners=False)
    share = fine.sigmoid()
    ce = F.binary_cross_entropy_with_logits(fine, truth.expand_as(fine), reduction="none")
    focal = ((share - truth).abs() * ce * weight).mean(dim=(2, 3)) / weight.mean(dim=(2, 3))
    both = (share * truth).sum(dim=(2, 3))
    dice = 1 - (2 * both + 1) / (share.sum(dim=(2, 3)) + truth.sum(dim=(2, 3)) + 1)
    with torch.no_grad():
        found, there = fine > 0, truth > 0.5
        iou = (found & there).sum(dim=(2, 3)) / (found | there).sum(dim=(2, 3)).clamp(min=1)
    loss = (5 * focal + dice + (scores - iou).square()).mean(dim=1)
    return loss * mask.flatten(1).any(dim=1), iou


def presence_term(logits: Tensor, mask: Tensor, absent: float = 1.0) -> Tensor:
    """Whether the object is in sight: logits (B, 1), mask (B, S, S) bool.

    Loss per object (B,) fp32.

    absent: weight of objects that are not, which are few.
    """
    present = mask.flatten(1).any(dim=1).float()
    weight = present + (1 - present) * absent
    return weight * F.binary_cross_entropy_with_logits(logits[:, 0], present, reduction="none")

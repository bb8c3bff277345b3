"""The demo SAM 2's neck: sam2's own, with a norm after each convolution.

Without it the top level grows, early in training from nothing, to ten times the size of the
positional encodings that are added to it; the decoder then cannot tell where a prompt points and
outlines everything at once.
"""

from typing import Any

import torch.nn.functional as F  # noqa: N812  (its usual name)
from sam2.modeling.backbones.image_encoder import FpnNeck
from sam2.modeling.sam2_utils import LayerNorm2d
from torch import Tensor


class ChannelNorm(LayerNorm2d):  # type: ignore[misc]
    """sam2's LayerNorm2d as one operation instead of six, and so five times as fast."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        normed = F.layer_norm(
            x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps
        )
        return normed.permute(0, 3, 1, 2)


class NormFpnNeck(FpnNeck):  # type: ignore[misc]
    """FpnNeck whose lateral features are normalised over channels."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for lateral in self.convs:
            lateral.add_module("norm", ChannelNorm(self.d_model))

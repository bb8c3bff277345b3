"""The demo SAM 2's neck: sam2's own, with a norm after each convolution.

Without it the top level grows, early in training from nothing, to ten times the size of the positional encodings that
are added to it; the decoder then cannot tell where a prompt points and outlines everything at once.
"""

from typing import Any

from sam2.modeling.backbones.image_encoder import FpnNeck
from sam2.modeling.sam2_utils import LayerNorm2d


class NormFpnNeck(FpnNeck):  # type: ignore[misc]
    """FpnNeck whose lateral features are normalised over channels."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for lateral in self.convs:
            lateral.add_module("norm", LayerNorm2d(self.d_model))

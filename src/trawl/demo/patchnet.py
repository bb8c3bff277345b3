"""The demo CLIP's image tower: a small convolutional network whose patches speak the text's
language.

Every cell of a grid of stride 8 gets `units` detectors (ReLU), and one linear map takes detectors
to the text space. A patch's embedding is that map of its own detectors; the picture's embedding is
the same map of each detector's maximum over the picture. So a small thing counts as much as a large
one, several things add up, and a picture's vector and its patches' vectors can be compared with the
same text. Average pooling, the usual choice, lets the background drown small things.

Built by open_clip through timm's registry; see `clip.register`. Needs torch; knows nothing of text,
data or training.
"""

from typing import Any

import torch
from torch import Tensor, nn


def _conv(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class _Residual(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels, dilation=dilation)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.relu(x + self.second(self.first(x)))
        return y


class PatchNet(nn.Module):
    """(N, 3, S, S) normalised pictures -> (N, D).

    S is any multiple of 8; the model was trained at the size its config says.

    Args:
        num_classes: D, the size of the text space (timm's name for a head's size).
        widths: channels at strides 2, 4 and 8.
        units: detectors per patch.
    """

    def __init__(
        self, num_classes: int, widths: tuple[int, int, int] = (24, 48, 96), units: int = 512
    ) -> None:
        super().__init__()
        a, b, c = widths
        self.num_features, self.feature_width = units, 2 * c
        # open_clip asks every timm model for it
        self.default_cfg: dict[str, Any] = {"pool_size": None}
        self.stem = nn.Sequential(_conv(3, a, stride=2), _conv(a, b, stride=2))
        self.fine = _Residual(b, 1)
        self.coarse = nn.Sequential(_conv(b, c, stride=2), _Residual(c, 1), _Residual(c, 2))
        self.mix = nn.Sequential(
            nn.Conv2d(c, 2 * c, 1, bias=False), nn.BatchNorm2d(2 * c), nn.ReLU(inplace=True)
        )
        self.detect = nn.Sequential(nn.Conv2d(2 * c, units, 1), nn.ReLU(inplace=True))
        self.to_text = nn.Linear(units, num_classes, bias=False)

    def forward_features(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) -> (N, 2 * widths[2], S/8, S/8): what the detectors see."""
        y: Tensor = self.mix(self.coarse(self.fine(self.stem(x))))
        return y

    def forward_units(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) -> (N, units, S/8, S/8) detectors, none negative."""
        y: Tensor = self.detect(self.forward_features(x))
        return y

    def forward_patches(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) -> (N, S/8, S/8, D): each patch in the text space, not normalised."""
        y: Tensor = self.to_text(self.forward_units(x).permute(0, 2, 3, 1))
        return y

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.to_text(self.forward_units(x).amax(dim=(2, 3)))
        return y

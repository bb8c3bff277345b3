"""Masks enlarged along the edges of the picture that they were made from.

A model's logits are several times coarser than its picture, and bilinear enlargement rounds off
every corner on the way. The guided filter of He, Sun and Tang (TPAMI 2013) explains the mask around
each cell as a linear function of colour, and asks that function at the picture's own resolution; it
is fitted on the coarse grid, as in the filter's fast form (He and Sun, arXiv:1505.00996). Knows
nothing of models, time or objects. Traded away: where a thing has the colour of what lies behind it
there is no edge to follow, and its outline is about what bilinear enlargement gives.
"""

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import Tensor

# Chosen by `python -m training.evaluate_sam2 --split val`; their neighbours do hardly worse.
_RADIUS = 2  # of the window around a cell of the logits, in cells
_EPSILON = 1e-3  # the variance of colours of 0 to 1 under which a window counts as flat


class Guide:
    """One picture, ready to enlarge the masks of any number of objects in it."""

    def __init__(self, picture: Tensor, size: tuple[int, int], grid: tuple[int, int]) -> None:
        """Fit the picture to the masks.

        Args:
            picture: (1, 3, H', W') uint8 RGB, on the device of the logits to come.
            size: (H, W) of the masks to make.
            grid: (h, w) of the logits.
        """
        self._colors = _resized(picture.float() / 255, size)
        self._coarse = _resized(self._colors, grid)
        self._mean = _window_mean(self._coarse)
        products = _window_mean((self._coarse[:, :, None] * self._coarse[:, None]).flatten(1, 2))
        covariance = products.reshape(1, 3, 3, *grid) - self._mean[:, :, None] * self._mean[:, None]
        regular = covariance[0].permute(2, 3, 0, 1) + _EPSILON * torch.eye(3, device=picture.device)
        self._inverse = torch.linalg.inv(regular).permute(2, 3, 0, 1)  # (3, 3, h, w)

    def enlarge(self, logits: Tensor) -> Tensor:
        """(B, 1, h, w) float32 logits -> (B, H, W) bool."""
        return self.filter(logits) > 0.5

    def filter(self, logits: Tensor) -> Tensor:
        """(B, 1, h, w) float32 logits -> (B, H, W) float32: how likely each pixel is the object's,
        0-1 and a little beyond.
        """
        likely = logits.sigmoid()
        mean = _window_mean(likely)
        covariance = _window_mean(self._coarse * likely) - self._mean * mean
        slope = torch.einsum("abhw,nbhw->nahw", self._inverse, covariance)
        offset = mean - (slope * self._mean).sum(dim=1, keepdim=True)
        lines = _window_mean(torch.cat([slope, offset], dim=1))
        lines = F.interpolate(lines, self._colors.shape[2:], mode="bilinear", align_corners=False)
        return (lines[:, :3] * self._colors).sum(dim=1) + lines[:, 3]


def _window_mean(x: Tensor) -> Tensor:
    """(N, C, h, w) -> the same: means over the window around each cell, of what of it lies inside."""
    return F.avg_pool2d(x, 2 * _RADIUS + 1, 1, _RADIUS, count_include_pad=False)


def _resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(picture.shape[2:]) == size:
        return picture
    return F.interpolate(picture, size, mode="bilinear", align_corners=False, antialias=True)

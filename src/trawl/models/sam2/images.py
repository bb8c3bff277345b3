"""Frames as SAM 2's image encoder wants them, and what it says of them: once a frame, whoever asks,
within a bound.

Knows nothing of prompts, objects or memories. Traded away: frames are squashed to the model's
square as sam2's own loader does, whatever their shape; and the least recently used features go when
the bound is reached, so that a session that jumps about in a long clip encodes some frames twice.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from numpy.typing import NDArray
from torch import Tensor

from trawl.demo.sam2 import IMAGE_MEAN, IMAGE_STD
from trawl.records.arrays import Frames

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base


@dataclass(frozen=True, slots=True)
class FrameFeatures:
    """Holds the image encoder's features of one frame.

    top (1, C, h, w), h and w the input's over 16; high: what the mask decoder adds when it
    enlarges, (1, C/8, 4h, 4w) and (1, C/4, 2h, 2w).
    """

    top: Tensor
    high: tuple[Tensor, ...]

    @property
    def num_bytes(self) -> int:
        """Return the size of all tensors together."""
        return sum(t.numel() * t.element_size() for t in (self.top, *self.high))


def pixels(frame: NDArray[np.uint8], size: int, device: torch.device) -> Tensor:
    """(H, W, 3) uint8 RGB -> (3, size, size) float32 normalised.

    Resized as by sam2's own loader (Pillow, bicubic) to within a level of 256, a few at edges of
    full contrast.
    """
    picture = _picture(frame, device)
    if picture.shape[2:] != (size, size):
        if device.type == "cpu":
            picture = F.interpolate(picture, (size, size), mode="bicubic", antialias=True)
        else:
            picture = F.interpolate(picture.float(), (size, size), mode="bicubic", antialias=True)
            picture = picture.round_().clamp_(0, 255)
    mean = torch.tensor(IMAGE_MEAN, device=device).view(3, 1, 1)
    std = torch.tensor(IMAGE_STD, device=device).view(3, 1, 1)
    return picture[0].float().div_(255).sub_(mean).div_(std)


def _picture(frame: NDArray[np.uint8], device: torch.device) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) uint8."""
    # torch warns of arrays that it could not write to, such as those in shared memory.
    return (
        torch.from_numpy(frame if frame.flags.writeable else frame.copy())
        .to(device)
        .permute(2, 0, 1)[None]
    )


class ImageFeatures:
    """The features of one session's frames, computed when first asked for."""

    def __init__(self, model: "SAM2Base", frames: Frames, cache_bytes: int, batch: int) -> None:
        """batch: frames in one pass of the encoder; as many are kept even where `cache_bytes` would
        not hold them.
        """
        self._model: Any = model
        self._frames = frames
        self._cache_bytes = cache_bytes
        self._batch = batch
        self._device = torch.device(model.device)
        self._kept: OrderedDict[int, FrameFeatures] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    def picture(self, position: int) -> Tensor:
        """(1, 3, H, W) uint8 RGB: the frame itself, on the model's device."""
        return _picture(self._frames[position], self._device)

    def get(self, position: int, ahead: Sequence[int] = ()) -> FrameFeatures:
        """A frame's features. ahead: positions wanted next, in order, of which some are encoded
        along with it.
        """
        if position in self._kept:
            self._kept.move_to_end(position)
            return self._kept[position]
        batch = [position, *(p for p in ahead[: self._batch - 1] if p not in self._kept)]
        encoded = self._encode(batch)
        for p, features in zip(batch, encoded, strict=True):
            self._kept[p] = features
            self._bytes += features.num_bytes
        while self._bytes > self._cache_bytes and len(self._kept) > len(batch):
            self._bytes -= self._kept.popitem(last=False)[1].num_bytes
        return encoded[0]

    def clear(self) -> None:
        """Forget them all."""
        self._kept.clear()
        self._bytes = 0

    def _encode(self, positions: Sequence[int]) -> list[FrameFeatures]:
        size = self._model.image_size
        batch = torch.stack([pixels(self._frames[p], size, self._device) for p in positions])
        levels = self._model.forward_image(batch)["backbone_fpn"][-self._model.num_feature_levels :]
        if len(positions) == 1:
            return [FrameFeatures(levels[-1], tuple(levels[:-1]))]
        # Copies, so that one frame that stays does not keep its whole batch.
        split = [[level[i : i + 1].clone() for level in levels] for i in range(len(positions))]
        return [FrameFeatures(parts[-1], tuple(parts[:-1])) for parts in split]

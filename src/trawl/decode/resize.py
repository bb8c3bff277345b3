"""One RGB picture to the square a model sees, equal to open_clip's own evaluation preprocessing.

The reference is `open_clip.image_transform`: Pillow's antialiased resize, then a crop or padding,
each with its own rounding. Cropping is done inside Pillow's resize (its `box`), which gives the
same pixels and skips those that are cut off. Knows nothing of videos. Traded away: scaling in
swscale or OpenCV would be 3 ms faster a frame, and visibly different.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trawl.records.video import ImageSpec

Picture = NDArray[np.uint8]  # (H, W, 3) RGB

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def resize(picture: Picture, spec: ImageSpec) -> Picture:
    """(H, W, 3) -> (S, S, 3), S = spec.size, as spec.aspect says."""
    return _ASPECTS[spec.aspect](Image.fromarray(picture), spec)


def _squash(image: Image.Image, spec: ImageSpec) -> Picture:
    return np.asarray(image.resize((spec.size, spec.size), _FILTERS[spec.interpolation]))


def _center_crop(image: Image.Image, spec: ImageSpec) -> Picture:
    """torchvision's Resize of the short side (the long side rounds down), then CenterCrop (the
    offset rounds half to even).
    """
    width, height, size = image.width, image.height, spec.size
    scaled_w, scaled_h = (
        (size, int(size * height / width)) if width < height else (int(size * width / height), size)
    )
    left, top = round((scaled_w - size) / 2), round((scaled_h - size) / 2)
    x, y = width / scaled_w, height / scaled_h
    box = (left * x, top * y, min((left + size) * x, width), min((top + size) * y, height))
    return np.asarray(image.resize((size, size), _FILTERS[spec.interpolation], box=box))


def _pad(image: Image.Image, spec: ImageSpec) -> Picture:
    """open_clip's ResizeKeepRatio(longest=1), then CenterCropOrPad (the smaller half of the padding
    goes first).
    """
    ratio = max(image.width, image.height) / spec.size
    width, height = max(1, round(image.width / ratio)), max(1, round(image.height / ratio))
    out = np.empty((spec.size, spec.size, 3), np.uint8)
    out[:] = spec.fill
    left, top = (spec.size - width) // 2, (spec.size - height) // 2
    out[top : top + height, left : left + width] = np.asarray(
        image.resize((width, height), _FILTERS[spec.interpolation])
    )
    return out


_ASPECTS = {"squash": _squash, "center_crop": _center_crop, "pad": _pad}

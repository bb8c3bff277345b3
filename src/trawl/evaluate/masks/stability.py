"""How much a mask flickers that its object does not: dtSSD, without optical flow.

dtSSD (Erofeev et al., Perceptually Motivated Benchmark for Video Matting, BMVC 2015): the root mean square, over the pixels of
the picture, of the difference between how the found mask changes from one frame to the next and how the true one does. 0 is
best. A mask that is wrong in the same way on every frame has 0: this is not accuracy.
"""

import math

import numpy as np

from trawl.masks import Mask


def dtssd(before: tuple[Mask, Mask], now: tuple[Mask, Mask], pixels: int) -> float:
    """Of one step. before, now: (found, truth), (H, W) bool each, any part of the picture that holds all four masks.

    pixels: of the whole picture.
    """
    change = [new.astype(np.int8) - old.astype(np.int8) for old, new in zip(before, now, strict=True)]
    wrong = (change[0] - change[1]).astype(np.int64)
    return math.sqrt(float((wrong * wrong).sum()) / pixels)

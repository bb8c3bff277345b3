"""A dense embedder without a model, for tests."""

import numpy as np

from trawl.models.fakes import embedder as fakes
from trawl.records.arrays import Frames


class ColorPatches(fakes.FakeEmbedder):
    """A DenseEmbedder: each of 8 x 8 patches is embedded as a picture of its own."""

    contrast = ("a blue thing", "a gray wall", "a red thing")

    def embed_patches(self, frames: Frames) -> np.ndarray:
        cells = frames.reshape(-1, 8, 4, 8, 4, 3).swapaxes(2, 3).reshape(-1, 4, 4, 3)
        large = cells.repeat(8, axis=1).repeat(8, axis=2)
        return self.logit_scale * self.embed_images(large).reshape(len(frames), 8, 8, self.dim)

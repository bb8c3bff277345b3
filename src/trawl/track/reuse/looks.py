"""Embeddings of crops, each computed once."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from trawl.records.arrays import Embeddings
from trawl.track.reuse import digests
from trawl.track.reuse.shelf import Shelf
from trawl.track.reuse.tally import Tally

Embed = Callable[[Sequence[NDArray[np.uint8]]], Embeddings]  # N pictures (h, w, 3) of any size -> (N, D)


def remembering(embed: Embed, shelf: Shelf, tally: Tally) -> Embed:
    """The same, asked once for each picture, and for each alone. shelf: of schema `schemas.SEEN`."""

    def one(crop: NDArray[np.uint8]) -> Embeddings:
        key = digests.of_array(crop)
        known = shelf.get(key)
        if known is not None:
            tally.save("crops", 1, known["cpu_s"])
            return np.array(known["embedding"], np.float32)
        began = time.process_time()
        embedding: Embeddings = embed([crop])[0]
        shelf.put(key, cpu_s=time.process_time() - began, embedding=embedding.tolist())
        tally.make("crops", 1)
        return embedding

    return lambda crops: np.stack([one(crop) for crop in crops])

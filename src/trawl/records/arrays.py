"""Names the array types that records share; shapes are documented where they are used."""

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]  # (T, H, W, 3)


Embeddings = NDArray[np.float32]  # (N, D), unit length


Times = NDArray[np.float64]  # (T,), seconds


Indices = NDArray[np.int64]  # (T,)

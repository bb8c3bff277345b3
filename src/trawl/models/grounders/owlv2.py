"""OWLv2 as a detector (Minderer et al.

2023, "Scaling Open-Vocabulary Object Detection", arXiv 2306.09683).

A ViT whose every patch proposes a box and an embedding that is compared with the phrases': so
phrases do not influence each other, and any number of them shares one look at the frame.
Preparation and boxes are transformers' own.
"""

import copy
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trawl.models.grounders.blueprint import GrounderBlueprint
from trawl.models.grounders.loading import Loaded, detections, load
from trawl.records.arrays import Frames
from trawl.records.tracking import Detections


class Owlv2Detector:
    """A `protocols.Detector`."""

    def __init__(
        self, blueprint: GrounderBlueprint, device: str = "auto", threads: int | None = None
    ) -> None:
        """See `loading.load` for what is raised."""
        self._loaded = load(blueprint, device, threads)

    def find(self, frames: Frames, phrases: Sequence[str]) -> list[Detections]:
        """A box for every patch and phrase, with a score, of each of (N, H, W, 3) uint8 RGB
        pictures.
        """
        return [_find(self._loaded, frame, phrases) for frame in frames]


def _find(loaded: Loaded, frame: NDArray[np.uint8], phrases: Sequence[str]) -> Detections:
    import torch

    # As its authors prompted it; a phrase beyond the model's 16 tokens is cut.
    texts = [f"a photo of {phrase.strip()}" for phrase in phrases]
    inputs = loaded.processor(text=[texts], images=frame, return_tensors="pt", truncation=True).to(
        loaded.device
    )
    with torch.inference_mode(), loaded.precision():
        outputs = loaded.model(**inputs)
    found = []
    for q in range(len(phrases)):
        alone = copy.copy(outputs)
        alone["logits"] = outputs.logits[..., q : q + 1].float()
        found += loaded.processor.post_process_grounded_object_detection(
            alone, threshold=0.0, target_sizes=[frame.shape[:2]]
        )
    return detections(found, frame.shape)

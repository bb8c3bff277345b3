"""Grounding DINO as a detector (Liu et al.

2023, arXiv 2303.05499), and MM Grounding DINO, which is its shape retrained.

It reads the phrases as one caption, "a cat. a remote control.", in which phrases do not attend to
each other, and scores each box against each token. A box's score for a phrase is that of the
phrase's best token, as the authors' own for the whole caption. Preparation and boxes are
transformers' own.
"""

import copy
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trawl.models.grounders.blueprint import GrounderBlueprint
from trawl.models.grounders.loading import Loaded, detections, load
from trawl.records.arrays import Frames
from trawl.records.tracking import Detections

if TYPE_CHECKING:
    from torch import Tensor

_IMPOSSIBLE = -1e4  # a logit whose sigmoid is 0


class GroundingDinoDetector:
    """A `protocols.Detector`."""

    def __init__(
        self, blueprint: GrounderBlueprint, device: str = "auto", threads: int | None = None
    ) -> None:
        """See `loading.load` for what is raised."""
        self._loaded = load(blueprint, device, threads)

    def find(self, frames: Frames, phrases: Sequence[str]) -> list[Detections]:
        """A box for every query of the model and every phrase, with a score, of each of (N, H, W,
        3) uint8 RGB pictures.
        """
        tokenizer, limit = self._loaded.processor.tokenizer, self._loaded.model.config.max_text_len
        groups = list(captions([cleaned(phrase) for phrase in phrases], tokenizer, limit))
        return [
            detections(
                [one for group in groups for one in _find(self._loaded, frame, group)], frame.shape
            )
            for frame in frames
        ]


def cleaned(phrase: str) -> str:
    """Without the marks that end a phrase inside a caption, in lower case as the model was trained.

    >>> cleaned("  A red car. Parked? ")
    'a red car parked'
    """
    return " ".join(re.sub(r"[.?]", " ", phrase.lower()).split())


def captions(phrases: Sequence[str], tokenizer: Any, limit: int) -> Iterator[list[str]]:
    """Phrases in their order, in groups that fit into one caption of `limit` tokens; one that is
    too long alone is cut.
    """
    group: list[str] = []
    used = 2  # the caption's first and last token
    for phrase in phrases:
        length = len(tokenizer(phrase, add_special_tokens=False)["input_ids"]) + 1
        if group and used + length > limit:
            yield group
            group, used = [], 2
        group.append(phrase)
        used += length
    yield group


def _find(
    loaded: Loaded, frame: NDArray[np.uint8], phrases: list[str]
) -> list[dict[str, "Tensor"]]:
    import torch

    limit = loaded.model.config.max_text_len
    inputs = loaded.processor(
        images=frame,
        text=". ".join(phrases) + ".",
        return_tensors="pt",
        truncation=True,
        max_length=limit,
    ).to(loaded.device)
    with torch.inference_mode(), loaded.precision():
        outputs = loaded.model(**inputs)
    tokens = inputs["input_ids"][0]
    found = []
    for mine in _spans(tokens, loaded.processor.tokenizer.convert_tokens_to_ids("."), len(phrases)):
        alone = copy.copy(outputs)
        logits = outputs.logits.float()
        kept = torch.zeros(logits.shape[-1], dtype=torch.bool, device=logits.device)
        kept[: len(tokens)] = mine.to(logits.device)
        alone["logits"] = logits.masked_fill(~kept, _IMPOSSIBLE)
        found += loaded.processor.post_process_grounded_object_detection(
            alone, input_ids=inputs["input_ids"], threshold=0.0, target_sizes=[frame.shape[:2]]
        )
    return found


def _spans(tokens: "Tensor", stop: int, count: int) -> "list[Tensor]":
    """(L,) tokens of a caption -> for each phrase, (L,) bool, its own.

    A phrase that was cut off has none.
    """
    ends = (tokens == stop).cumsum(0)
    inner = (tokens != stop).clone()
    inner[0] = inner[-1] = False  # [CLS] and [SEP]
    return [inner & (ends == q) for q in range(count)]

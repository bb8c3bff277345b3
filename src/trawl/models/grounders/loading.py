"""A transformers detector from its folder: model and processor, on a device, whole or not at all."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trawl.errors import WeightsError
from trawl.models import precision as numbers
from trawl.models.devices import device_of
from trawl.models.grounders.blueprint import GrounderBlueprint
from trawl.records.tracking import Detections

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Loaded:
    """model and processor are transformers' own. autocast: of the model's pass, None for full
    precision.
    """

    model: Any
    processor: Any
    device: "torch.device"
    autocast: "torch.dtype | None"

    def precision(self) -> Any:
        """A context for the model's pass."""
        return numbers.autocast(self.autocast, self.device)


def load(blueprint: GrounderBlueprint, device: str, threads: int | None) -> Loaded:
    """Read a folder.

    Raises:
        ConfigError: the device does not exist.
        WeightsError: a file is damaged, or the weights are not those of the model that the folder
            describes.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor
    from transformers.utils import logging as transformers_logging

    quiet: Any = transformers_logging
    quiet.disable_progress_bar()  # it would draw one in every actor
    if threads is not None:
        torch.set_num_threads(threads)
    chosen = device_of(device)
    assert blueprint.path is not None, "transformer_files settles it"
    processors: Any = AutoProcessor
    try:
        processor = processors.from_pretrained(blueprint.path, local_files_only=True)
        model, report = AutoModelForZeroShotObjectDetection.from_pretrained(
            blueprint.path, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, LookupError, ImportError, SafetensorError) as error:
        first = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{blueprint.path} cannot be read as {blueprint.model}: fetch it again ({first})"
        ) from error
    if report["missing_keys"]:
        name = sorted(report["missing_keys"])[0]
        raise WeightsError(
            f"{blueprint.path} lacks weights of {blueprint.model}, such as {name}: fetch it again"
        )
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(
        numbers.computed(blueprint.precision, chosen)
    )
    return Loaded(model.to(chosen).eval().requires_grad_(False), processor, chosen, dtype)


def detections(found: list[dict[str, "torch.Tensor"]], shape: tuple[int, ...]) -> Detections:
    """One frame's boxes from the processor's answers for each phrase.

    Args:
        found: for each phrase, `boxes` (N, 4) xyxy pixels and `scores` (N,).
        shape: (height, width) of the frame, to which boxes are cut.
    """
    height, width = shape[:2]
    boxes: NDArray[np.float32] = np.concatenate(
        [one["boxes"].float().cpu().numpy().reshape(-1, 4) for one in found]
    )
    boxes = np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
    scores = np.concatenate([one["scores"].float().cpu().numpy() for one in found])
    phrase = np.concatenate(
        [np.full(len(one["scores"]), q, np.int64) for q, one in enumerate(found)]
    )
    real = (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)
    return Detections(boxes[real], scores[real], phrase[real])

"""A loaded SAM 2 with the way it computes: device, precision, batch sizes, compilation.

The tracker adds what opens sessions; a session knows this much of it. In int8 are the image encoder
and the memory attention, where the time goes; the mask decoder and what is remembered stay in fp32.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch

from trawl.models import precision as numbers
from trawl.models.devices import check_compiler
from trawl.models.sam2.heads import Heads

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base

# What the session takes for granted, as all published SAM 2 models have it.
_REQUIRED = {
    "use_mask_input_as_output_without_sam": True,
    "directly_add_no_mem_embed": True,
    "use_obj_ptrs_in_encoder": True,
    "pred_obj_scores": True,
    "non_overlap_masks_for_mem_enc": False,
    "max_cond_frames_in_attn": -1,
    "memory_temporal_stride_for_eval": 1,
}


class Sam2Model:
    """A loaded model. Sessions share it; use one at a time."""

    def __init__(
        self,
        model: "SAM2Base",
        precision: str = "fp32",
        cache_mb: int = 256,
        frame_batch: int = 1,
        object_batch: int = 16,
        compile: bool = False,
        upsample: str = "bilinear",
    ) -> None:
        """Take over a model in evaluation mode, on its device; see `conf/tracker/` for the rest.

        Raises:
            ConfigError: the model is to be compiled, and there is no compiler.
        """
        for name, value in _REQUIRED.items():
            if getattr(model, name) != value:
                raise ValueError(
                    f"a SAM 2 with {name}={getattr(model, name)} is not supported, only {value}"
                )
        self.model = model
        self.device = torch.device(model.device)
        self.image_size: int = model.image_size
        self.cache_bytes = cache_mb * 2**20
        self.frame_batch = frame_batch
        self.object_batch = object_batch
        self.upsample = upsample
        if compile:
            check_compiler("tracker.compile", self.device.type != "cpu")
        self._dtype = _lower(model, numbers.computed(precision, self.device))
        with torch.inference_mode(), self.autocast():
            self.heads = Heads(model)
        if compile:
            _compile(model)

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which the model computes at its precision."""
        return numbers.autocast(self._dtype, self.device)


def _lower(model: "SAM2Base", word: str) -> torch.dtype | None:
    if word != "int8":
        return numbers.lower(model, word)
    for part in (model.image_encoder, model.memory_attention):
        numbers.lower(part, word)
    return None


def _compile(model: "SAM2Base") -> None:
    """Each part by itself; lengths of memory and numbers of objects vary."""
    model.image_encoder.compile()
    model.memory_encoder.compile(dynamic=True)
    model.sam_mask_decoder.compile(dynamic=True)
    for layer in model.memory_attention.layers:
        layer.cross_attn_image.compile(dynamic=True)
        layer.self_attn.compile(dynamic=True)

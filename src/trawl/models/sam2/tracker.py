"""SAM 2 as a `protocols.Tracker`: its weights loaded, on its device, at its precision.

Frames in memory go in, masks come out; see `session.py`.
"""

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trawl.errors import WeightsError
from trawl.models.clip.weights import random_seed
from trawl.models.devices import device_of
from trawl.models.sam2 import build as sam2_build
from trawl.models.sam2 import weights as sam2_weights
from trawl.models.sam2.model import Sam2Model
from trawl.models.sam2.session import Sam2Session
from trawl.models.sam2.weights import TrackerBlueprint
from trawl.records.arrays import Frames

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base

# What sam2's own `build_sam2_video_predictor` adds to the official files; holes are filled by
# `track/refine.py`.
_POSTPROCESSING: dict[str, Any] = {
    "binarize_mask_from_pts_for_mem_enc": True,
    "sam_mask_decoder_extra_args": {
        "dynamic_multimask_via_stability": True,
        "dynamic_multimask_stability_delta": 0.05,
        "dynamic_multimask_stability_thresh": 0.98,
    },
}


class Sam2Tracker(Sam2Model):
    """Opens sessions over a loaded model, which they share; use one at a time."""

    def open(self, frames: Frames, size: tuple[int, int] | None = None) -> Sam2Session:
        """A session over (T, H, W, 3) uint8 RGB, T at least 1; masks are of `size` (height, width),
        by default the frames'.
        """
        return Sam2Session(self, frames, size)


def load(
    blueprint: TrackerBlueprint, device: str = "auto", threads: int | None = None
) -> Sam2Tracker:
    """Make the tracker that was settled.

    Args:
        blueprint: from `sam2_weights.resolve`.
        device: "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:<n>".
        threads: of torch on the CPU; None leaves torch's own choice. Holds for the whole process.

    Raises:
        ConfigError: the device does not exist, or the model is to be compiled and there is no
            compiler.
        WeightsError: the file is damaged or belongs to another model.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    model = make(blueprint).to(device_of(device))
    return Sam2Tracker(
        model,
        blueprint.precision,
        blueprint.cache_mb,
        blueprint.frame_batch,
        blueprint.object_batch,
        blueprint.compile,
        blueprint.upsample,
    )


def make(
    blueprint: TrackerBlueprint, target: str = "sam2.modeling.sam2_base.SAM2Base"
) -> "SAM2Base":
    """The model with its weights, on the CPU, in float32. target: the class to make, any that
    sam2's own files fit.
    """
    settings: dict[str, Any] = {"image_size": blueprint.image_size}
    if sam2_weights.is_official(blueprint.model):
        settings |= _POSTPROCESSING
    seed = random_seed(blueprint.weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed or 0)
        model = sam2_build.build(sam2_weights.config_path(blueprint.model), target, **settings)
    if seed is None:
        _load_weights(model, blueprint)
    return model.requires_grad_(False)


def _load_weights(model: "SAM2Base", blueprint: TrackerBlueprint) -> None:
    from safetensors import SafetensorError

    assert blueprint.path is not None, "only random weights have no file"
    try:
        model.load_state_dict(_read(Path(blueprint.path)))
    except (
        RuntimeError,
        LookupError,
        ValueError,
        EOFError,
        TypeError,
        pickle.UnpicklingError,
        SafetensorError,
    ) as error:
        first = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{blueprint.path} holds no weights of {blueprint.model}: give that model's own checkpoint ({first})"
        ) from error


def _read(path: Path) -> dict[str, Tensor]:
    """A checkpoint's tensors. sam2's own files, and those of its training, hold them under "model"."""
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return {name: tensor.float() for name, tensor in load_file(str(path)).items()}
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict):
        raise TypeError(f"it holds a {type(content).__name__}")
    state: dict[str, Tensor] = content.get("model", content)
    return state

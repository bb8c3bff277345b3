"""The demo SAM 2, as the rest of the project meets it: a configuration, and the weights that belong
to it.

    model = trawl.models.sam2.build.build(trawl.demo.sam2.config_path())
    model.load_state_dict(trawl.demo.sam2.load_state_dict(), strict=True)

The weights are stored in half precision. Everything heavy is imported inside the functions.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from trawl.errors import WeightsError

if TYPE_CHECKING:
    import torch

MODEL_NAME = "trawl-demo-sam2"
IMAGE_MEAN: tuple[float, float, float] = (0.485, 0.456, 0.406)
IMAGE_STD: tuple[float, float, float] = (0.229, 0.224, 0.225)

_HERE = Path(__file__).parent


def config_path() -> Path:
    """The model's shape, in the form of sam2's own files."""
    return _HERE / f"{MODEL_NAME}.yaml"


def weights_path() -> Path:
    """The safetensors file that ships with the package.

    Raises:
        WeightsError: it is not there.
    """
    path = _HERE / "weights" / f"{MODEL_NAME}.safetensors"
    if not path.is_file():
        raise WeightsError(
            f"{path} is missing: reinstall trawl, or make it with `python -m training.train_sam2`"
        )
    return path


def load_state_dict(path: Path | None = None) -> "dict[str, torch.Tensor]":
    """All of the model's tensors, fp32, for `load_state_dict(..., strict=True)`. path: another file
    that `save` wrote.
    """
    from safetensors.torch import load_file

    return {name: tensor.float() for name, tensor in load_file(str(path or weights_path())).items()}


def save(state: "dict[str, torch.Tensor]", path: Path) -> None:
    """Write a model's state in half precision, all at once or not at all."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".partial")
    packed = {name: tensor.detach().half().contiguous() for name, tensor in state.items()}
    save_file(packed, str(fresh), metadata={"model": MODEL_NAME})
    fresh.replace(path)

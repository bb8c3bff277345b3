"""The demo CLIP, as the rest of the project meets it: a name that open_clip knows, and the weights
that belong to it.

    trawl.demo.clip.register()
    model = open_clip.create_model(MODEL_NAME, pretrained=None)
    model.load_state_dict(trawl.demo.clip.load_state_dict(), strict=True)

Everything heavy is imported inside the functions: open_clip alone costs seconds. The file of
weights holds half-precision numbers and, of the tokenizer's 49,408 rows, only those that training
used, plus one row that stands for every other word; so it weighs 1 MB where the plain state would
weigh 28.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trawl.errors import WeightsError

if TYPE_CHECKING:
    import torch

    from trawl.demo.patchnet import PatchNet

MODEL_NAME = "trawl-demo-clip"
IMAGE_MEAN: tuple[float, float, float] = (0.5, 0.5, 0.5)
IMAGE_STD: tuple[float, float, float] = (0.25, 0.25, 0.25)

_HERE = Path(__file__).parent
_TOWER = "trawl_patchnet"
_TOKENS = "token_embedding.weight"


def config() -> dict[str, Any]:
    """The model's shape, in open_clip's words."""
    content: dict[str, Any] = json.loads((_HERE / f"{MODEL_NAME}.json").read_text())
    return content


def register() -> None:
    """Make MODEL_NAME known to open_clip, and its image tower to timm.

    Calling it again changes nothing.
    """
    import open_clip
    import timm

    if not timm.is_model(_TOWER):
        timm.models.register_model(trawl_patchnet)
    if MODEL_NAME not in open_clip.list_models():
        open_clip.add_model_config(_HERE / f"{MODEL_NAME}.json")


def trawl_patchnet(pretrained: bool = False, **kwargs: Any) -> "PatchNet":
    """timm's entry point, which it knows by this function's name. kwargs are timm's; only
    num_classes matters here.
    """
    from trawl.demo.patchnet import PatchNet

    if pretrained:
        raise ValueError(
            "trawl_patchnet has no weights of its own: load the whole model's with load_state_dict()"
        )
    return PatchNet(num_classes=kwargs["num_classes"])


def weights_path() -> Path:
    """The safetensors file that ships with the package.

    Raises:
        WeightsError: it is not there.
    """
    path = _HERE / "weights" / f"{MODEL_NAME}.safetensors"
    if not path.is_file():
        raise WeightsError(
            f"{path} is missing: reinstall trawl, or make it with `python -m training.train_clip`"
        )
    return path


def load_state_dict(path: Path | None = None) -> "dict[str, torch.Tensor]":
    """All of the model's tensors, fp32, for `load_state_dict(..., strict=True)`. path: another file
    that `save` wrote.
    """
    from safetensors.torch import load_file

    packed = load_file(str(path or weights_path()))
    ids, rows, other = packed.pop("token_ids"), packed.pop("token_rows"), packed.pop("token_other")
    size = int(packed.pop("vocab_size"))
    table = other.float().repeat(size, 1)
    table[ids.long()] = rows.float()
    # BatchNorm's step counters are whole numbers and stay so
    state = {name: t.float() if t.is_floating_point() else t for name, t in packed.items()}
    return {**state, _TOKENS: table}


def save(
    state: "dict[str, torch.Tensor]", token_ids: "list[int]", other: "torch.Tensor", path: Path
) -> None:
    """Write a model's state so that `load_state_dict` gives it back to half precision.

    Args:
        state: of the open_clip model, whole.
        token_ids: rows of the token embedding to keep.
        other: (1, width) the row of every other token.
    """
    import torch
    from safetensors.torch import save_file

    packed = {
        name: t.half() if t.is_floating_point() else t
        for name, t in state.items()
        if name != _TOKENS
    }
    ids = torch.tensor(sorted(token_ids), dtype=torch.int32)
    packed |= {
        "token_ids": ids,
        "token_rows": state[_TOKENS][ids.long()].half(),
        "token_other": other.half(),
    }
    packed["vocab_size"] = torch.tensor(len(state[_TOKENS]))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: t.contiguous() for name, t in packed.items()},
        str(path),
        metadata={"model": MODEL_NAME},
    )

"""Makes SAM 2 models from YAML files, leaving the process's Hydra as it was.

The sam2 package initialises Hydra for the whole process when imported, and its own `build_sam2*`
work only then. Here a model is instantiated from its configuration directly, so that it works
before, inside and after an application's `@hydra.main`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base


def build(
    source: Path | str | Mapping[str, Any], target: str | None = None, **settings: Any
) -> "SAM2Base":
    """A model with fresh weights, on the CPU, in evaluation mode.

    Args:
        source: a YAML file, or its content. The model stands under `model`, as in sam2's own files,
            or at the top. `decoder_heads` beside it sets the mask decoder's attention heads, which
            sam2 fixes at 8: too many for a narrow model.
        target: another class to make than the file says, such as
            "sam2.sam2_video_predictor.SAM2VideoPredictor".
        settings: arguments of that class that replace or add to the file's.
    """
    from omegaconf import OmegaConf

    content: Any = (
        OmegaConf.load(source)
        if isinstance(source, (str, Path))
        else OmegaConf.create(dict(source))
    )
    config = content.get("model", content)
    if target is not None:
        config["_target_"] = target
    for name, value in settings.items():
        config[name] = value
    with hydra_untouched():
        from hydra.utils import instantiate

        model: SAM2Base = instantiate(config, _recursive_=True)
    heads = content.get("decoder_heads")
    if heads is not None:
        _set_decoder_heads(model, heads)
    return model.eval()


@contextmanager
def hydra_untouched() -> Iterator[None]:
    """Whatever is imported inside, Hydra's global state is afterwards what it was before."""
    from hydra.core.global_hydra import GlobalHydra

    before = GlobalHydra.instance().hydra
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = before


def _set_decoder_heads(model: "SAM2Base", heads: int) -> None:
    from sam2.modeling.sam.transformer import Attention

    for module in model.sam_mask_decoder.transformer.modules():
        if isinstance(module, Attention):
            if module.internal_dim % heads:
                raise ValueError(
                    f"decoder_heads={heads} does not divide the attention's width {module.internal_dim}"
                )
            module.num_heads = heads

"""Reads what open_clip knows of its models without importing torch (which would cost the driver
five seconds).

open_clip keeps its architectures as JSON files and its pretrained tags as a table in
`pretrained.py`; see `bare.py` for how that is read. Knows nothing of files on disk, of the hub or
of tensors.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from trawl.errors import ConfigError, WeightsError, did_you_mean
from trawl.models.clip import bare

_PREPROCESSING = ("mean", "std", "interpolation", "resize_mode")
_ASPECTS = {"shortest": "center_crop", "squash": "squash", "longest": "pad"}


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One architecture, with one set of weights where a tag was given.

    dim: D. size: pixels of the square input. mean, std: per RGB channel, of pictures scaled to 0-1.
    trained_aspect: how the model's own preprocessing makes a picture square (`ImageSpec.aspect`).
    hub_repo, hub_file: where the tag's file lies at the Hugging Face hub ("" without a tag).
    tokenizer: hub repository of a tokenizer that open_clip does not carry, or "". needs_timm,
    needs_transformers: its image tower is one of timm's, its text tower one of transformers'.
    """

    dim: int
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str
    trained_aspect: str
    hub_repo: str = ""
    hub_file: str = ""
    tokenizer: str = ""
    needs_timm: bool = False
    needs_transformers: bool = False


def card(model: str, tag: str | None) -> ModelCard:
    """Look a model up, with the preprocessing of a tag; without one, of the model's first tag, or
    open_clip's default.

    Raises:
        ConfigError: open_clip has no such model, or the tag needs the model's QuickGELU twin.
        WeightsError: the model has no such tag.
    """
    if model not in models():
        near = difflib.get_close_matches(model, models(), n=8, cutoff=0.3) or [
            "PE-Core-B-16",
            "ViT-B-32",
        ]
        raise ConfigError(
            f"embedder.model={model} is unknown to open_clip: did you mean '{near[0]}'? (near it: {', '.join(near)}; "
            f"all {len(models())}: open_clip.list_models())"
        )
    content = config(model)
    if tag is None:
        return card_from_config(content, _default_entry(model))
    entry = pretrained_entry(model, tag)
    if entry.get("quick_gelu", False) != content.get("quick_gelu", False):
        raise ConfigError(
            f"{tag} of {model} was trained with another activation: use embedder.model={model}-quickgelu"
        )
    return card_from_config(content, entry)


def card_from_config(config: Mapping[str, Any], preprocessing: Mapping[str, Any]) -> ModelCard:
    """A card from the content of a model's JSON file and open_clip's words for the preprocessing.

    Args:
        config: with `embed_dim`, `vision_cfg` and `text_cfg`.
        preprocessing: with `mean`, `std`, `interpolation`, `resize_mode`, and `hf_hub` where the
            weights lie at the hub.
    """
    repo, _, file = preprocessing.get("hf_hub", "").rpartition("/")
    return ModelCard(
        dim=config["embed_dim"],
        size=_square(config["vision_cfg"].get("image_size", 224)),
        mean=tuple(preprocessing["mean"]),
        std=tuple(preprocessing["std"]),
        interpolation=preprocessing["interpolation"],
        trained_aspect=_ASPECTS[preprocessing["resize_mode"]],
        hub_repo=repo,
        hub_file=file,
        tokenizer=config["text_cfg"].get("hf_tokenizer_name", ""),
        needs_timm="timm_model_name" in config["vision_cfg"],
        needs_transformers="hf_model_name" in config["text_cfg"],
    )


@cache
def models() -> list[str]:
    """Names of every architecture that ships with open_clip."""
    return sorted(path.stem for path in (bare.folder() / "model_configs").glob("*.json"))


def tags(model: str) -> list[str]:
    """The pretrained tags of a model."""
    return sorted(bare.pretrained()._PRETRAINED.get(model, {}))


def preprocessings(model: str) -> set[tuple[Any, ...]]:
    """The different ways in which the model's tags want a picture prepared."""
    entries = bare.pretrained()._PRETRAINED.get(model, {}).values()
    return {
        tuple(tuple(e[k]) if k in ("mean", "std") else e[k] for k in _PREPROCESSING)
        for e in entries
    }


def _default_entry(model: str) -> dict[str, Any]:
    tables = bare.pretrained()
    entry: dict[str, Any] = next(iter(tables._PRETRAINED.get(model, {}).values()), tables._pcfg())
    return {key: entry[key] for key in _PREPROCESSING}


def pretrained_entry(model: str, tag: str) -> dict[str, Any]:
    """open_clip's own description of one tag's weights.

    Raises:
        WeightsError: the model has no such tag.
    """
    entries: dict[str, dict[str, Any]] = bare.pretrained()._PRETRAINED.get(model, {})
    try:
        return entries[tag.lower().replace("-", "_")]
    except KeyError:
        hint = did_you_mean(tag, entries) if entries else "open_clip names none for it"
        raise WeightsError(
            f"embedder.weights={tag} is no pretrained tag of {model} and no file: {hint}, or the path of a checkpoint"
        ) from None


def config(model: str) -> dict[str, Any]:
    """The content of a model's JSON file."""
    content: dict[str, Any] = json.loads(
        (bare.folder() / "model_configs" / f"{model}.json").read_text()
    )
    return content


def _square(size: int | list[int]) -> int:
    if isinstance(size, int):
        return size
    if size[0] != size[1]:
        raise ConfigError(
            f"a model with a {size[0]}x{size[1]} input is not supported: choose one with a square input"
        )
    return size[0]

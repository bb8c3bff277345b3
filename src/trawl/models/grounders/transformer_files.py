"""Finds the files of a transformers detector on this machine, before any work starts and without
torch.

Such a model is a folder: its shape, its weights, its tokenizer and how its pictures are prepared.
It comes from the hub by name, file by file through `hub.py`, or is a folder as `save_pretrained`
writes it.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from trawl.config.models import GrounderConfig
from trawl.errors import ConfigError, WeightsError
from trawl.models import hub, precision
from trawl.models.clip.weights import Blueprint, sha256_of
from trawl.models.grounders.blueprint import GrounderBlueprint

WEIGHTS = "model.safetensors"
# What a folder must hold; of several names, one: transformers writes other ones than it did.
_FILES = (
    ("config.json",),
    ("preprocessor_config.json", "processor_config.json"),
    ("tokenizer_config.json",),
    ("tokenizer.json", "vocab.json", "vocab.txt"),
    (WEIGHTS,),
)
_COMPANION = {"vocab.json": "merges.txt"}  # a vocabulary that is of no use without another file


@dataclass(frozen=True, slots=True)
class _Kind:
    """default: repository at the hub. types: what `config.json` may call the model."""

    default: str
    types: tuple[str, ...]


KINDS = {
    "owlv2": _Kind("google/owlv2-base-patch16-ensemble", ("owlv2",)),
    "grounding_dino": _Kind(
        "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_grit_v3det",
        ("grounding-dino", "mm-grounding-dino"),
    ),
}


def resolve(config: GrounderConfig, embedder: Blueprint) -> GrounderBlueprint:
    """Settle a detector from its settings: find its files, fetching them from the hub where need
    be.

    Raises:
        ConfigError: a detector is asked for in int8.
        WeightsError: transformers or a file is missing, or the files are another model's.
    """
    if config.precision == "int8":
        raise ConfigError(
            f"grounder.precision=int8 is not for grounder={config.kind}: use fp32, bf16, fp16 or auto"
        )
    if find_spec("transformers") is None:
        raise WeightsError(
            f"grounder={config.kind} needs transformers: pip install 'trawl[detectors]', or choose grounder=clip"
        )
    model = config.model or KINDS[config.kind].default
    folder = _folder(config.kind, model, config.weights)
    return GrounderBlueprint(
        kind=config.kind,
        model=model,
        weights=config.weights or model,
        sha256=_sha256(folder),
        path=str(folder),
        precision=precision.settle(config.precision, config.device),
    )


def at_home(blueprint: GrounderBlueprint) -> GrounderBlueprint:
    """The blueprint with the folder that its files have on this machine.

    Raises:
        WeightsError: they are not here, or are others than were settled.
    """
    folder = Path(blueprint.path or "")
    if _lacking(folder):
        folder = _folder(blueprint.kind, blueprint.model, blueprint.weights)
    if _sha256(folder) != blueprint.sha256:
        raise WeightsError(
            f"{folder} is not the {blueprint.model} that was asked for: put the same on every machine"
        )
    return replace(blueprint, path=str(folder))


def _folder(kind: str, model: str, weights: str | None) -> Path:
    if weights is None or weights == model:
        return (
            _local(kind, model)
            if Path(model).is_absolute() or model.startswith((".", "~"))
            else _fetch(kind, model)
        )
    return _local(kind, weights)


def _local(kind: str, name: str) -> Path:
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise WeightsError(
            f"{name}: there is no such folder; give one as save_pretrained writes it, or a name at the hub"
        )
    if lacking := _lacking(folder):
        raise WeightsError(f"{name} lacks {', '.join(lacking)}: put all files of the model there")
    _check_type(kind, folder)
    return folder.resolve()


def _fetch(kind: str, repo: str) -> Path:
    if repo.count("/") != 1:
        raise ConfigError(
            f"grounder.model={repo} is no name at the hub, such as {KINDS[kind].default}, and no folder"
        )
    for names in _FILES:
        found = _find(repo, names)
        if found.name in _COMPANION:
            _find(repo, (_COMPANION[found.name],))
    _check_type(kind, found.parent)
    return found.parent


def _find(repo: str, names: tuple[str, ...]) -> Path:
    remedy = "set grounder.weights to a folder with all of the model's files"
    return hub.find(
        repo, names, f"{names[0]} of {repo}", remedy, "the demo's grounder=clip needs no download"
    )


def _lacking(folder: Path) -> list[str]:
    lacking = [names[0] for names in _FILES if not any((folder / name).is_file() for name in names)]
    if not (folder / "tokenizer.json").is_file():
        lacking += [
            more
            for name, more in _COMPANION.items()
            if (folder / name).is_file() and not (folder / more).is_file()
        ]
    return lacking


def _check_type(kind: str, folder: Path) -> None:
    try:
        found = json.loads((folder / "config.json").read_text()).get("model_type")
    except ValueError:
        found = None
    if found not in KINDS[kind].types:
        raise WeightsError(
            f"{folder} holds a model of type {found}: grounder={kind} wants {' or '.join(KINDS[kind].types)}"
        )


def _sha256(folder: Path) -> str:
    """Hash the weights and the model's shape; a tokenizer that does not fit them fails when it is
    used.
    """
    joined = "".join(sha256_of(folder / file) for file in ("config.json", WEIGHTS))
    return hashlib.sha256(joined.encode()).hexdigest()

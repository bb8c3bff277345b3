"""Where the files of a transformers detector lie on this machine, settled before any work starts and without torch.

Such a model is a folder: its shape, its weights, its tokenizer and how its pictures are prepared. It comes from the hub
by name, file by file through `hub.py`, or is a folder as `save_pretrained` writes it.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from trawl.config import GrounderConfig
from trawl.errors import ConfigError, WeightsError
from trawl.models import hub
from trawl.models.grounder_blueprint import GrounderBlueprint
from trawl.models.weights import Blueprint, sha256_of

_WEIGHTS = ("model.safetensors",)
_COMMON = ("config.json", "preprocessor_config.json", "tokenizer_config.json")


@dataclass(frozen=True, slots=True)
class _Kind:
    """default: repository at the hub. tokenizer: the files that its tokenizer is read from. types: what `config.json` may
    call the model."""

    default: str
    tokenizer: tuple[str, ...]
    types: tuple[str, ...]


_KINDS = {
    "owlv2": _Kind("google/owlv2-base-patch16-ensemble", ("vocab.json", "merges.txt"), ("owlv2",)),
    "grounding_dino": _Kind(
        "IDEA-Research/grounding-dino-base", ("tokenizer.json",), ("grounding-dino", "mm-grounding-dino")
    ),
}


def resolve(config: GrounderConfig, embedder: Blueprint) -> GrounderBlueprint:
    """Settle a detector from its settings: find its files, fetching them from the hub where need be.

    Raises:
        WeightsError: transformers or a file is missing, or the files are another model's.
    """
    if find_spec("transformers") is None:
        raise WeightsError(
            f"grounder={config.kind} needs transformers: pip install 'trawl[detectors]', or choose grounder=clip"
        )
    model = config.model or _KINDS[config.kind].default
    folder = _folder(config.kind, model, config.weights)
    return GrounderBlueprint(
        kind=config.kind,
        model=model,
        weights=config.weights or model,
        sha256=_sha256(folder),
        path=str(folder),
        precision=config.precision,
    )


def at_home(blueprint: GrounderBlueprint) -> GrounderBlueprint:
    """The blueprint with the folder that its files have on this machine.

    Raises:
        WeightsError: they are not here, or are others than were settled.
    """
    folder = Path(blueprint.path or "")
    if not _is_complete(blueprint.kind, folder):
        folder = _folder(blueprint.kind, blueprint.model, blueprint.weights)
    if _sha256(folder) != blueprint.sha256:
        raise WeightsError(f"{folder} is not the {blueprint.model} that was asked for: put the same on every machine")
    return replace(blueprint, path=str(folder))


def _folder(kind: str, model: str, weights: str | None) -> Path:
    if weights is None or weights == model:
        return _local(kind, model) if Path(model).is_absolute() or model.startswith((".", "~")) else _fetch(kind, model)
    return _local(kind, weights)


def _local(kind: str, name: str) -> Path:
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise WeightsError(
            f"{name}: there is no such folder; give one as save_pretrained writes it, or a name at the hub"
        )
    if lacking := [file for file in _files(kind) if not (folder / file).is_file()]:
        raise WeightsError(f"{name} lacks {', '.join(lacking)}: put all files of the model there")
    _check_type(kind, folder)
    return folder.resolve()


def _fetch(kind: str, repo: str) -> Path:
    if repo.count("/") != 1:
        raise ConfigError(f"grounder.model={repo} is no name at the hub, such as {_KINDS[kind].default}, and no folder")
    remedy = "set grounder.weights to the folder with all of its files"
    for file in _files(kind):
        found = hub.find(repo, [file], f"{file} of {repo}", remedy, "grounder=clip needs no such model")
    _check_type(kind, found.parent)
    return found.parent


def _files(kind: str) -> tuple[str, ...]:
    return (*_COMMON, *_KINDS[kind].tokenizer, *_WEIGHTS)


def _is_complete(kind: str, folder: Path) -> bool:
    return all((folder / file).is_file() for file in _files(kind))


def _check_type(kind: str, folder: Path) -> None:
    try:
        found = json.loads((folder / "config.json").read_text()).get("model_type")
    except ValueError:
        found = None
    if found not in _KINDS[kind].types:
        raise WeightsError(
            f"{folder} holds a model of type {found}: grounder={kind} wants {' or '.join(_KINDS[kind].types)}"
        )


def _sha256(folder: Path) -> str:
    """Of the weights and of the model's shape; a tokenizer that does not fit them fails when it is used."""
    joined = "".join(sha256_of(folder / file) for file in ("config.json", *_WEIGHTS))
    return hashlib.sha256(joined.encode()).hexdigest()

"""Finds an embedder's weights on this machine, before any work starts and without torch.

A `Blueprint` is everything an embedder is: its identity goes into the recipe, and `registry.build`
makes the model from it on whatever machine needs one. Knows the hub, files and hashes; knows
nothing of tensors. Traded away: a file at the hub is hashed by the name of its blob, which the
hub's cache derives from the content; any other file is read once and hashed.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from trawl.config.checks import PRECISIONS
from trawl.config.models import EmbedderConfig
from trawl.errors import ConfigError, WeightsError, did_you_mean
from trawl.models import hub, precision
from trawl.models.clip import catalog
from trawl.models.devices import check_compiler
from trawl.records.video import ImageSpec

ASPECTS = ("center_crop", "pad", "squash")
BUILTIN = "builtin"
_RANDOM = re.compile(r"random:(\d+)")
_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".npz")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One embedder, settled: equal identities give equal embeddings.

    kind: "openclip" or "fake". weights: as configured; sha256 of the file, or of the word for
    weights that have none.
    path: the checkpoint on this machine, None where there is no file. mean, std: per RGB channel,
    of pictures scaled to 0-1. needs_timm: its image tower is one of timm's, which take a second to
    import; needs_transformers: its text tower is one of transformers', which take four. precision:
    of pictures, settled: never "auto". compile: by torch.compile.
    """

    kind: str
    model: str
    weights: str
    sha256: str
    path: str | None
    dim: int
    image: ImageSpec
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    precision: str
    needs_timm: bool = False
    needs_transformers: bool = False
    compile: bool = False

    def identity(self) -> dict[str, Any]:
        """Return what the recipe keeps, as plain JSON values: all of the above but the path and how
        it is run.
        """
        values = asdict(self)
        del values["path"], values["needs_timm"], values["needs_transformers"], values["compile"]
        values["image"]["fill"] = list(values["image"]["fill"])
        return values | {"mean": list(self.mean), "std": list(self.std)}


def resolve(config: EmbedderConfig, gpus: bool = False) -> Blueprint:
    """Settle an open_clip embedder from its settings: find the weights, fetching them from the hub
    where need be.

    Args:
        config: `precision` may be "auto"; the blueprint's is what that is here.
        gpus: it will run on a cluster's GPUs.

    Raises:
        ConfigError: a setting is not one of the allowed values.
        WeightsError: the weights are not here and cannot be fetched; says what to download and
            where to put it.
    """
    _check_word("embedder.aspect", config.aspect, ASPECTS)
    _check_word("embedder.precision", config.precision, PRECISIONS)
    if not config.weights:
        raise ConfigError(
            f"embedder.weights of {config.model} has no value: {_forms(config.model)}"
        )
    if config.compile:
        check_compiler("embedder.compile", precision.on_gpu(config.device, gpus))
    settled = precision.settle(config.precision, config.device, gpus)
    found = _resolve(config.model, config.weights, config.aspect, settled, "embedder.weights")
    return replace(found, compile=config.compile)


def from_identity(identity: Mapping[str, Any], weights: str | None = None) -> Blueprint:
    """Settle the embedder that made an index, from the recipe's record of it.

    Args:
        identity: what `Blueprint.identity` gave when the index was built.
        weights: path of the same file where it lies elsewhere on this machine.

    Raises:
        WeightsError: the weights are not here, or are not those that made the index.
    """
    image = identity["image"]
    found = _resolve(
        identity["model"],
        weights or identity["weights"],
        image["aspect"],
        identity["precision"],
        "weights",
    )
    if found.sha256 != identity["sha256"]:
        raise WeightsError(
            f"{found.path or found.weights} is not what made this index: its sha256 begins {found.sha256[:12]}, "
            f"the index has {identity['sha256'][:12]}; give the right file as weights=/path, or index again"
        )
    spec = ImageSpec(**{**image, "fill": tuple(image["fill"])})
    return replace(
        found,
        weights=identity["weights"],
        image=spec,
        mean=tuple(identity["mean"]),
        std=tuple(identity["std"]),
    )


def _resolve(model: str, weights: str, aspect: str, settled: str, setting: str) -> Blueprint:
    if weights == BUILTIN:
        card, path = _builtin(model)
    elif _RANDOM.fullmatch(weights):
        card, path = catalog.card(model, None), None
    elif weights.endswith(_SUFFIXES) or "@" in weights or "/" in weights:
        tag, _, file = weights.rpartition("@")
        _check_unambiguous(model, tag, setting)
        card, path = catalog.card(model, tag or None), _local(file, setting)
    else:
        card = catalog.card(model, weights)
        path = _fetch(model, weights, card, setting)
    _check_tokenizer(model, card)
    return Blueprint(
        kind="openclip",
        model=model,
        weights=weights,
        sha256=sha256_of(path) if path else hashlib.sha256(weights.encode()).hexdigest(),
        path=str(path) if path else None,
        dim=card.dim,
        image=ImageSpec(size=card.size, aspect=aspect, interpolation=card.interpolation),
        mean=card.mean,
        std=card.std,
        precision=settled,
        needs_timm=card.needs_timm,
        needs_transformers=card.needs_transformers,
    )


def random_seed(weights: str) -> int | None:
    """The seed in `random:<seed>`, None for any other word."""
    found = _RANDOM.fullmatch(weights)
    return int(found[1]) if found else None


def _builtin(model: str) -> tuple[catalog.ModelCard, Path]:
    from trawl.demo import clip

    _check_word("embedder.model", model, (clip.MODEL_NAME,))
    preprocessing = {
        "mean": clip.IMAGE_MEAN,
        "std": clip.IMAGE_STD,
        "interpolation": "bicubic",
        "resize_mode": "squash",
    }
    card = catalog.card_from_config(clip.config(), preprocessing)
    return card, Path(clip.weights_path())


def _local(file: str, setting: str) -> Path:
    path = Path(file).expanduser()
    if not path.is_file():
        raise WeightsError(
            f"{setting}={file}: there is no such file; give the path of a checkpoint on this machine"
        )
    return path.resolve()


def _fetch(model: str, tag: str, card: catalog.ModelCard, setting: str) -> Path:
    files = [card.hub_file] if card.hub_file else list(hub.DEFAULT_FILES)
    if not card.hub_repo:
        raise WeightsError(
            f"{tag} of {model} is not at the hub: download it as open_clip says, then set {setting}=/path"
        )
    return hub.find(
        card.hub_repo, files, f"weights {tag} of {model}", f"set {setting}=/path/to/{files[0]}"
    )


def _check_unambiguous(model: str, tag: str, setting: str) -> None:
    """A file alone does not say how its pictures were prepared; nearly always all of a model's tags
    agree on it.
    """
    if not tag and len(catalog.preprocessings(model)) > 1:
        raise ConfigError(
            f"the weights of {model} differ in their preprocessing: say whose the file is, as {setting}=<tag>@/path "
            f"with <tag> one of {', '.join(catalog.tags(model))}"
        )


def _check_tokenizer(model: str, card: catalog.ModelCard) -> None:
    if not card.tokenizer:
        return
    if find_spec("transformers") is None:
        raise WeightsError(
            f"the tokenizer of {model} needs transformers: pip install 'trawl[siglip]', or choose another model"
        )
    hub.find(
        card.tokenizer,
        ["tokenizer.json"],
        f"the tokenizer of {model}",
        "put it into the hub's cache, HF_HOME",
    )


def sha256_of(path: Path) -> str:
    """The hash of a file's content; read once as long as its size and time stay."""
    blob = path.resolve()
    if blob.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", blob.name):
        return blob.name
    status = blob.stat()
    return _read_sha256(blob, status.st_size, status.st_mtime_ns)


@cache
def _read_sha256(path: Path, size_bytes: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _forms(model: str) -> str:
    names = catalog.tags(model)
    tags = f"one of {', '.join(names)}; " if names else ""
    return f"{tags}the path of a checkpoint; or random:<seed>"


def _check_word(setting: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{setting}={value} is unknown: {did_you_mean(value, allowed)}")

"""Finds a tracker's SAM 2 and its weights on this machine, before any work starts and without
torch.

The counterpart of `weights.py`, for trackers. Knows the official SAM 2.1 checkpoints and the
demo's; knows nothing of tensors.
"""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from trawl.config.checks import PRECISIONS
from trawl.config.models import TrackerConfig
from trawl.demo import sam2 as demo
from trawl.errors import ConfigError, WeightsError, did_you_mean
from trawl.models import hub, precision
from trawl.models.clip.weights import BUILTIN, random_seed, sha256_of
from trawl.models.devices import check_compiler

SIZE_STEP = 32  # px: the image encoder's coarsest level, and its first windows, must fit the input


@dataclass(frozen=True, slots=True)
class TrackerBlueprint:
    """One tracker, settled: equal identities give equal masks, up to rounding between machines.

    kind: "sam2" or "fake". weights: as configured; sha256 of the file, or of the word for weights
    that have none. path: the checkpoint on this machine, None where there is no file. image_size:
    px of the square input. upsample, compile, cache_mb, frame_batch, object_batch: see
    `conf/tracker/`.
    """

    kind: str
    model: str
    weights: str
    sha256: str
    path: str | None
    image_size: int
    precision: str
    upsample: str = "bilinear"
    compile: bool = False
    cache_mb: int = 256
    frame_batch: int = 1
    object_batch: int = 16

    def identity(self) -> dict[str, Any]:
        """Return what a track's lineage keeps, as plain JSON values: all that decides what masks
        come out.
        """
        names = ("kind", "model", "weights", "sha256", "image_size", "precision", "upsample")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class _Official:
    """A checkpoint as its makers publish it. config: in the sam2 package's `configs/sam2.1`."""

    config: str
    repo: str
    file: str


OFFICIAL = {
    f"sam2.1_hiera_{name}": _Official(
        f"sam2.1_hiera_{short}.yaml",
        f"facebook/sam2.1-hiera-{name.replace('_', '-')}",
        f"sam2.1_hiera_{name}.pt",
    )
    for name, short in (("tiny", "t"), ("small", "s"), ("base_plus", "b+"), ("large", "l"))
}
MODELS = (*OFFICIAL, demo.MODEL_NAME)


def resolve(config: TrackerConfig, gpus: bool = False) -> TrackerBlueprint:
    """Settle a SAM 2 tracker from its settings: find the weights, fetching them from the hub where
    need be.

    Args:
        config: `precision` may be "auto"; the blueprint's is what that is here.
        gpus: it will run on a cluster's GPUs.

    Raises:
        ConfigError: a setting is not one of the allowed values.
        WeightsError: the weights are not here and cannot be fetched; says what to download and
            where to put it.
    """
    model = config.model or ""
    if model not in MODELS:
        raise ConfigError(f"tracker.model={config.model} is unknown: {did_you_mean(model, MODELS)}")
    if config.precision not in PRECISIONS:
        raise ConfigError(
            f"tracker.precision={config.precision} is unknown: {did_you_mean(config.precision, PRECISIONS)}"
        )
    if not config.weights:
        raise ConfigError(f"tracker.weights of {model} has no value: {_forms(model)}")
    if config.compile:
        check_compiler("tracker.compile", precision.on_gpu(config.device, gpus))
    path = find(model, config.weights)
    return TrackerBlueprint(
        kind="sam2",
        model=model,
        weights=config.weights,
        sha256=sha256_of(path) if path else hashlib.sha256(config.weights.encode()).hexdigest(),
        path=str(path) if path else None,
        image_size=_image_size(model, config.image_size),
        precision=precision.settle(config.precision, config.device, gpus),
        upsample=config.upsample,
        compile=config.compile,
        cache_mb=config.cache_mb,
        frame_batch=config.frame_batch,
        object_batch=config.object_batch,
    )


def find(model: str, weights: str) -> Path | None:
    """The file of a model's weights on this machine, None where they need none.

    Raises:
        ConfigError: not a form that this model's weights can have.
        WeightsError: not here, and cannot be fetched.
    """
    official = OFFICIAL.get(model)
    if random_seed(weights) is not None:
        return None
    if weights == BUILTIN and official is None:
        return demo.weights_path()
    if official is not None and weights == official.repo:
        remedy = f"set tracker.weights=/path/to/{official.file}"
        return hub.find(
            official.repo,
            [official.file],
            f"{official.file}",
            remedy,
            "tracker=demo needs no download",
        )
    path = Path(weights).expanduser()
    if path.is_file():
        return path.resolve()
    if "/" in weights or path.suffix:
        raise WeightsError(f"tracker.weights={weights}: there is no such file; {_forms(model)}")
    raise ConfigError(f"tracker.weights={weights} is unknown: {_forms(model)}")


def config_path(model: str) -> Path:
    """The YAML file of a model's shape."""
    if model == demo.MODEL_NAME:
        return demo.config_path()
    package = find_spec("sam2")
    if package is None or package.origin is None:
        raise ConfigError(f"tracker.model={model} needs the sam2 package: pip install sam2")
    return Path(package.origin).parent / "configs" / "sam2.1" / OFFICIAL[model].config


def is_official(model: str) -> bool:
    """Whether Meta made it, so that it wants the settings that sam2's own video predictor is built
    with.
    """
    return model in OFFICIAL


def _image_size(model: str, wanted: int | None) -> int:
    if wanted is None:
        from omegaconf import OmegaConf

        return int(OmegaConf.load(config_path(model)).model.image_size)
    if wanted % SIZE_STEP:
        near = max(wanted // SIZE_STEP, 2) * SIZE_STEP
        raise ConfigError(
            f"tracker.image_size={wanted} must be a multiple of {SIZE_STEP}: try {near}"
        )
    return wanted


def _forms(model: str) -> str:
    first = OFFICIAL[model].repo if is_official(model) else BUILTIN
    return f"use {first}, the path of a checkpoint, or random:<seed>"

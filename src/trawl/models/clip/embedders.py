"""From settings or a recipe to an embedder, in two steps: settle it on the driver, build it where
it works.

`resolve` and `from_recipe` import no torch and finish all that can go wrong for a user; `build`
makes the model, in an actor or in the query's process. A new kind of embedder is one entry in
`_KINDS` and one in `_BUILDERS`; see docs/adding-a-model.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trawl.config.models import EmbedderConfig
from trawl.errors import ConfigError, did_you_mean
from trawl.models import precision
from trawl.models.clip import weights
from trawl.models.clip.weights import Blueprint
from trawl.models.fakes import embedder as fakes
from trawl.models.protocols import Embedder
from trawl.records.arrays import Embeddings


def resolve(
    config: EmbedderConfig, published: Mapping[str, Any] | None = None, gpus: bool = False
) -> Blueprint:
    """Settle the embedder that the settings ask for, fetching its weights where need be.

    Imports no torch.

    Args:
        published: `Recipe.embedder` of the dataset's published index, if it has one. Where nothing
            else differs, its name for the same file of weights is kept, and with precision "auto"
            its precision: a checkpoint that was moved, and a driver that runs on other hardware
            tonight, shall not embed a whole corpus anew.
        gpus: it will run on a cluster's GPUs.

    Raises:
        ConfigError: a setting is not one of the allowed values.
        WeightsError: the weights are not here and cannot be fetched.
    """
    try:
        found = _KINDS[config.kind](config, gpus)
    except KeyError:
        raise ConfigError(
            f"embedder.kind={config.kind} is unknown: {did_you_mean(config.kind, _KINDS)}"
        ) from None
    if published is None:
        return found
    kept = replace(found, weights=published["weights"])
    if config.precision == "auto" and published["precision"] in precision.AUTOMATIC:
        kept = replace(kept, precision=published["precision"])
    return kept if kept.identity() == dict(published) else found


def from_recipe(identity: Mapping[str, Any], weights_path: str | None = None) -> Blueprint:
    """Settle the embedder that made an index. Imports no torch.

    Args:
        identity: `Recipe.embedder`, as `Blueprint.identity` gave it.
        weights_path: where the same file lies on this machine, if not where it lay when the index
            was built.

    Raises:
        WeightsError: the weights are not here, or are not those that made the index.
    """
    if identity["kind"] == "fake":
        return fakes.blueprint(identity["image"]["aspect"])
    return weights.from_identity(identity, weights_path)


def build(
    blueprint: Blueprint, device: str = "auto", batch_size: int = 32, threads: int | None = None
) -> Embedder:
    """Make the model.

    A blueprint from another machine finds the same weights here, or fails as `from_recipe` does.
    """
    if blueprint.path is not None and not _is_here(blueprint):
        blueprint = replace(blueprint, path=from_recipe(blueprint.identity()).path)
    return _BUILDERS[blueprint.kind](blueprint, device, batch_size, threads)


def build_text(blueprint: Blueprint, device: str = "auto") -> Callable[[Sequence[str]], Embeddings]:
    """Only what a query needs: Q texts -> (Q, D) float32, unit length.

    Without torch where the text tower allows it.
    """
    if blueprint.kind == "openclip" and device in ("auto", "cpu"):
        from trawl.models.clip import textonly

        if light := textonly.tower(blueprint):
            return light.embed_texts
    return build(blueprint, device).embed_texts


def _is_here(blueprint: Blueprint) -> bool:
    """Whether this machine has the very file that was settled elsewhere, and not another of its
    name.
    """
    path = Path(blueprint.path or "")
    return path.is_file() and weights.sha256_of(path) == blueprint.sha256


def _fake(config: EmbedderConfig, gpus: bool) -> Blueprint:
    return fakes.blueprint(config.aspect)


def _build_fake(
    blueprint: Blueprint, device: str, batch_size: int, threads: int | None
) -> Embedder:
    return fakes.FakeEmbedder(blueprint.image.aspect)


def _build_openclip(
    blueprint: Blueprint, device: str, batch_size: int, threads: int | None
) -> Embedder:
    from trawl.models.clip.openclip import OpenClipEmbedder

    return OpenClipEmbedder(blueprint, device, batch_size, threads)


_KINDS: dict[str, Callable[[EmbedderConfig, bool], Blueprint]] = {
    "fake": _fake,
    "openclip": weights.resolve,
}
_BUILDERS: dict[str, Callable[[Blueprint, str, int, int | None], Embedder]] = {
    "fake": _build_fake,
    "openclip": _build_openclip,
}

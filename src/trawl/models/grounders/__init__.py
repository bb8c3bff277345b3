"""From settings to a model that says what is where, in two steps: settle it on the driver, build it
where it works.

    blueprint = grounders.resolve(config.grounder, embedder_blueprint)      # imports no torch;
                                                                            every user's mistake
                                                                            ends here
    model = grounders.build(blueprint, embedder, device="auto")             # in the actor
    grounder = ground.grounder(model, config.grounder, sentences)           # the step makes a
                                                                            Grounder of it

What is built is a `DenseEmbedder` or a `Detector`. A new kind is one entry in `_KINDS` and one in
`_BUILDERS`; see docs/adding-a-model.md.
"""

from collections.abc import Callable, Mapping

from trawl.config.checks import PRECISIONS
from trawl.config.models import EmbedderConfig, GrounderConfig
from trawl.errors import ConfigError, UsageError, did_you_mean
from trawl.models.clip import dense
from trawl.models.clip import embedders as registry
from trawl.models.clip.weights import Blueprint
from trawl.models.fakes import detector as fakes_grounding
from trawl.models.grounders import transformer_files
from trawl.models.grounders.blueprint import GrounderBlueprint
from trawl.models.protocols import DenseEmbedder, Detector, Embedder

__all__ = ["GrounderBlueprint", "build", "resolve"]


def resolve(config: GrounderConfig, embedder: Blueprint) -> GrounderBlueprint:
    """Settle the model that the settings ask for, fetching its weights where need be.

    Imports no torch.

    Args:
        config: `model` null with kind clip takes the embedder itself.
        embedder: that of the index.

    Raises:
        ConfigError: a setting is not one of the allowed values, or the model cannot say what is
            where.
        WeightsError: the weights are not here and cannot be fetched.
    """
    if config.kind not in _KINDS:
        raise ConfigError(
            f"grounder.kind={config.kind} is unknown: {did_you_mean(config.kind, _KINDS)}"
        )
    if config.precision not in PRECISIONS:
        raise ConfigError(
            f"grounder.precision={config.precision} is unknown: {did_you_mean(config.precision, PRECISIONS)}"
        )
    return _KINDS[config.kind](config, embedder)


def build(
    blueprint: GrounderBlueprint,
    embedder: Embedder,
    device: str = "auto",
    threads: int | None = None,
) -> DenseEmbedder | Detector:
    """Make the model. A blueprint from another machine finds the same weights here.

    Args:
        blueprint: from `resolve`, here or elsewhere.
        embedder: built already; shared where it is the grounder's model, too.
        device: "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:<n>".
        threads: of torch on the CPU; None leaves torch's own choice. Holds for the whole process.

    Raises:
        ConfigError: the device does not exist.
        WeightsError: the weights are not here, are others than were settled, or belong to another
            model.
    """
    return _BUILDERS[blueprint.kind](blueprint, embedder, device, threads)


def _clip(config: GrounderConfig, embedder: Blueprint) -> GrounderBlueprint:
    if config.model is not None:
        embedder = _own_clip(config, config.model)
    dense.check(embedder)
    return GrounderBlueprint(
        kind="clip",
        model=embedder.model,
        weights=embedder.weights,
        sha256=embedder.sha256,
        path=embedder.path,
        precision=embedder.precision,
        embedder=embedder,
    )


def _own_clip(config: GrounderConfig, model: str) -> Blueprint:
    settings = EmbedderConfig(
        kind="openclip",
        model=model,
        weights=config.weights,
        aspect="squash",
        precision=config.precision,
        device=config.device,
    )
    try:
        return registry.resolve(settings)
    except UsageError as error:  # it speaks of the setting that it knows
        raise type(error)(str(error).replace("embedder.", "grounder.")) from error


def _fake(config: GrounderConfig, embedder: Blueprint) -> GrounderBlueprint:
    return fakes_grounding.blueprint()


def _build_clip(
    blueprint: GrounderBlueprint, embedder: Embedder, device: str, threads: int | None
) -> DenseEmbedder | Detector:
    from trawl.models.clip.openclip import OpenClipEmbedder

    assert blueprint.embedder is not None, "resolve settles it"
    if (
        isinstance(embedder, OpenClipEmbedder)
        and embedder.blueprint.identity() == blueprint.embedder.identity()
    ):
        return dense.DenseClip(embedder)
    own = registry.build(blueprint.embedder, device, threads=threads)
    assert isinstance(own, OpenClipEmbedder), "dense.check refuses the others"
    return dense.DenseClip(own)


def _build_fake(
    blueprint: GrounderBlueprint, embedder: Embedder, device: str, threads: int | None
) -> DenseEmbedder | Detector:
    return fakes_grounding.FakeDetector()


def _build_owlv2(
    blueprint: GrounderBlueprint, embedder: Embedder, device: str, threads: int | None
) -> DenseEmbedder | Detector:
    from trawl.models.grounders.owlv2 import Owlv2Detector

    return Owlv2Detector(transformer_files.at_home(blueprint), device, threads)


def _build_grounding_dino(
    blueprint: GrounderBlueprint, embedder: Embedder, device: str, threads: int | None
) -> DenseEmbedder | Detector:
    from trawl.models.grounders.grounding_dino import GroundingDinoDetector

    return GroundingDinoDetector(transformer_files.at_home(blueprint), device, threads)


_Resolver = Callable[[GrounderConfig, Blueprint], GrounderBlueprint]
_Builder = Callable[[GrounderBlueprint, Embedder, str, int | None], DenseEmbedder | Detector]
_KINDS: Mapping[str, _Resolver] = {
    "clip": _clip,
    "fake": _fake,
    "owlv2": transformer_files.resolve,
    "grounding_dino": transformer_files.resolve,
}
_BUILDERS: Mapping[str, _Builder] = {
    "clip": _build_clip,
    "fake": _build_fake,
    "owlv2": _build_owlv2,
    "grounding_dino": _build_grounding_dino,
}

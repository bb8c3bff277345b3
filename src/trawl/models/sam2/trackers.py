"""From settings to a tracker, in two steps: settle it on the driver, build it where it works.

    blueprint = trackers.resolve(config.tracker)           # imports no torch; every user's mistake
                                                           ends here
    tracker = trackers.build(blueprint, device="auto")     # in the actor

A new kind of tracker is one entry in `_KINDS` and one in `_BUILDERS`; see docs/adding-a-model.md.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from trawl.config.models import TrackerConfig
from trawl.errors import ConfigError, WeightsError, did_you_mean
from trawl.models.clip.weights import sha256_of
from trawl.models.fakes import tracker as fakes_tracking
from trawl.models.protocols import Tracker
from trawl.models.sam2 import weights as sam2_weights
from trawl.models.sam2.weights import TrackerBlueprint


def resolve(config: TrackerConfig, gpus: bool = False) -> TrackerBlueprint:
    """Settle the tracker that the settings ask for, fetching its weights where need be.

    Imports no torch.

    Args:
        config: `precision` may be "auto"; the blueprint's is what that is here.
        gpus: it will run on a cluster's GPUs.

    Raises:
        ConfigError: a setting is not one of the allowed values.
        WeightsError: the weights are not here and cannot be fetched.
    """
    try:
        return _KINDS[config.kind](config, gpus)
    except KeyError:
        raise ConfigError(
            f"tracker.kind={config.kind} is unknown: {did_you_mean(config.kind, _KINDS)}"
        ) from None


def build(blueprint: TrackerBlueprint, device: str = "auto", threads: int | None = None) -> Tracker:
    """Make the model. A blueprint from another machine finds the same weights here.

    Args:
        blueprint: from `resolve`, here or elsewhere.
        device: "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:<n>".
        threads: of torch on the CPU; None leaves torch's own choice. Holds for the whole process.

    Raises:
        ConfigError: the device does not exist, or the model is to be compiled and there is no
            compiler.
        WeightsError: the weights are not here, are others than were settled, or belong to another
            model.
    """
    if blueprint.path is not None:
        blueprint = _at_home(blueprint)
    return _BUILDERS[blueprint.kind](blueprint, device, threads)


def _at_home(blueprint: TrackerBlueprint) -> TrackerBlueprint:
    """The blueprint with the path that its weights have on this machine."""
    path: Path | None = Path(blueprint.path or "")
    if path is None or not path.is_file() or sha256_of(path) != blueprint.sha256:
        path = sam2_weights.find(blueprint.model, blueprint.weights)
    if path is None or sha256_of(path) != blueprint.sha256:
        raise WeightsError(
            f"{path} is not the {blueprint.model} that was asked for: put the same file on every machine"
        )
    return replace(blueprint, path=str(path))


def _fake(config: TrackerConfig, gpus: bool) -> TrackerBlueprint:
    return fakes_tracking.blueprint()


def _build_fake(blueprint: TrackerBlueprint, device: str, threads: int | None) -> Tracker:
    return fakes_tracking.FakeTracker()


def _build_sam2(blueprint: TrackerBlueprint, device: str, threads: int | None) -> Tracker:
    from trawl.models.sam2 import tracker as sam2_tracker

    return sam2_tracker.load(blueprint, device, threads)


_KINDS: dict[str, Callable[[TrackerConfig, bool], TrackerBlueprint]] = {
    "fake": _fake,
    "sam2": sam2_weights.resolve,
}
_BUILDERS: dict[str, Callable[[TrackerBlueprint, str, int | None], Tracker]] = {
    "fake": _build_fake,
    "sam2": _build_sam2,
}

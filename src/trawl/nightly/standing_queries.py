"""Standing queries: from `conf/standing` to tracks of tonight's new footage.

Each is a run of jobs.track over the videos that it has not seen as they are now
(`nightly/standing.py`). Its run is named after the night and the query, so a curation team finds
fresh masks under a dated name every morning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from trawl import cli
from trawl.config import choices
from trawl.config.jobs import NightlyConfig, StandingConfig, TrackConfig
from trawl.corpus.source import dataset_name
from trawl.errors import ConfigError, did_you_mean
from trawl.models.clip import embedders as registry
from trawl.nightly.standing import Night, Standing
from trawl.query import texts
from trawl.query.published import PublishedIndex
from trawl.runtime.clock import Deadline
from trawl.storage import Storage
from trawl.table import publish
from trawl.track import job as track
from trawl.track.job import Asked, settings_hash


@dataclass(frozen=True, slots=True)
class Question:
    """One standing query, ready to be asked. night: the settings of the night that asks."""

    name: str
    config: TrackConfig
    texts: tuple[str, ...]
    night: NightlyConfig

    @property
    def version(self) -> str:
        """Changes with everything that changes its answer."""
        return settings_hash(self.config, self.texts)


def questions(config: NightlyConfig) -> list[Question]:
    """The standing queries of this dataset, all checked before any work starts.

    Raises:
        ConfigError: one does not exist, or has a setting that jobs.track would refuse.
    """
    files = {path.stem: path for path in sorted(choices.standing_folder().glob("*.yaml"))}
    for name in config.ask or ():
        if name not in files:
            raise ConfigError(f"ask={name} does not exist: {did_you_mean(name, files)}")
    found = {
        name: _read(path)
        for name, path in files.items()
        if config.ask is None or name in config.ask
    }
    dataset = dataset_name(config.dataset)
    meant = config.ask is not None
    return [
        _question(name, one, config)
        for name, one in found.items()
        if meant or not one.datasets or dataset in one.datasets
    ]


def ask(question: Question, night: str, deadline: Deadline, console: Console) -> list[Night]:
    """Follow it through its new footage: first what an earlier night left undone, then tonight's.

    Nothing new: nothing.

    Raises:
        UsageError: as jobs.track does; the next night goes on.
    """
    config = question.config
    storage, dataset = Storage.open(config.storage), dataset_name(config.dataset)
    standing = Standing(storage, dataset, question.name, question.version)
    done = [_follow(question, standing, one, deadline, console) for one in standing.unfinished()]
    if all(one.ended for one in done):
        index = PublishedIndex(storage, dataset, publish.latest(storage, dataset))
        if fresh := standing.fresh(index.indexed()):
            begun = standing.begin(night, f"{night}-{question.name}", fresh)
            done.append(_follow(question, standing, begun, deadline, console))
    return done


def _follow(
    question: Question, standing: Standing, night: Night, deadline: Deadline, console: Console
) -> Night:
    config = replace(question.config, run_id=night.run_id, weights=_weights(question))
    asked = Asked(question.texts, frozenset(standing.videos(night.night)))
    record = track.run(config, console, asked, deadline)
    if record.stopped:
        return night
    counts = {"clips": record.clips["planned"], "failed": record.clips["failed"]}
    counts |= {name: record.counts[name] for name in ("tracks", "masks")}
    return standing.end(night, counts, complete=not record.clips["failed"])


def _weights(question: Question) -> str | None:
    """Return where the index's weights lie, if not where it says: the night that goes on with it
    may know them by another path.
    """
    if question.config.weights:
        return question.config.weights
    night = question.night
    published = publish.latest(
        Storage.open(night.storage), dataset_name(night.dataset)
    ).recipe.embedder
    found = registry.resolve(night.embedder, published, gpus=night.resources.embed_gpus > 0)
    return night.embedder.weights if found.identity() == dict(published) else None


def _read(path: Path) -> StandingConfig:
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        merged = OmegaConf.merge(OmegaConf.structured(StandingConfig), OmegaConf.load(path))
        found = OmegaConf.to_object(merged)
    except (OmegaConfBaseException, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is no standing query: {str(error).splitlines()[0]}") from error
    assert isinstance(found, StandingConfig)
    return found


def _question(name: str, standing: StandingConfig, config: NightlyConfig) -> Question:
    """The settings of jobs.track for this dataset, with what the query changes of them."""
    models: Mapping[str, Any] = {
        "grounder": config.dataset.grounder,
        "tracker": config.dataset.tracker,
    }
    chosen = [f"{group}={wish}" for group, wish in models.items() if wish]
    # replaced below by the night's own dataset
    base: Sequence[str] = ["+dataset=folder", "dataset.uri=-", *chosen]
    try:
        composed = cli.compose("track", TrackConfig, [*base, *standing.overrides])
        wanted = tuple(texts.read_texts(composed.text, composed.queries))
    except ConfigError as error:
        raise ConfigError(f"standing={name}: {error}") from error
    own = replace(
        composed, dataset=config.dataset, storage=config.storage, resources=config.resources
    )
    return Question(name, own, wanted, config)

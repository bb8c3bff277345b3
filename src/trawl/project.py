"""The project file `trawl.yaml`: what a folder's commands have in common, so that none repeats it.

    root: data                # where everything that is written goes
    dataset: /videos          # a folder, a URI, a manifest .csv, or the name of a dataset
    models:
      embedder: openclip_b32
    storage: [storage.cache_mb=1024]

It is searched from the working directory upward. Relative paths in it start at its own folder. It
becomes Hydra words that stand before those of the command line, without what the command line says
itself.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from trawl.config import choices
from trawl.config.values import conf_folder, read_yaml
from trawl.corpus.files import local_path, scheme_of
from trawl.errors import ConfigError, DatasetError, did_you_mean

FILE_NAME = "trawl.yaml"
KEYS = ("root", "dataset", "models", "storage")
MODELS = ("embedder", "grounder", "tracker")
_MANIFESTS = (".csv", ".parquet")
_BY_URI = ("folder", "manifest")  # datasets that are nothing without a URI
_SETTING = re.compile(r"[+~]{0,2}[A-Za-z_][\w.@/]*=")
_HEADER = """\
# What all commands below this folder have in common; `trawl --help` says more. The command line wins over it.
# root: where everything that is written goes; dataset: a folder, a URI, a manifest .csv or a dataset's name;
# models: embedder, grounder, tracker; storage: Hydra words such as [storage=s3, storage.region=eu-west-1].
"""


@dataclass(frozen=True, slots=True)
class Project:
    """A project file as read. folder: where it lies."""

    folder: Path
    root: str | None = None
    dataset: str | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    storage: Sequence[str] = ()


def is_setting(word: str) -> bool:
    """Tell a setting such as `name=value` from a text or a place.

    >>> [is_setting(word) for word in ("limit=3", "+dataset=demo", "~/videos", "/data/day=3", "a dog")]
    [True, True, False, False, False]
    """
    return bool(_SETTING.match(word))


def key_of(word: str) -> str:
    """Give the name of the setting that a word sets, "" where it sets none."""
    return word.partition("=")[0].lstrip("+~") if is_setting(word) else ""


def find(start: Path) -> Project | None:
    """Read the nearest project file of a folder or of those above it.

    Raises:
        ConfigError: it cannot be read, or holds what no project file has.
    """
    for folder in (start, *start.parents):
        path = folder / FILE_NAME
        if path.is_file():
            return read(path)
    return None


def read(path: Path) -> Project:
    """Read one project file.

    Raises:
        ConfigError: it cannot be read, or holds what no project file has.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no keys: {', '.join(KEYS)} are what it may hold")
    _check_keys(path, "", content, KEYS)
    models = content.get("models") or {}
    if not isinstance(models, dict):
        raise ConfigError(f"{path}: models is a mapping of {', '.join(MODELS)}")
    _check_keys(path, "models.", models, MODELS)
    storage = content.get("storage") or []
    return Project(
        folder=path.parent,
        root=_text(path, "root", content.get("root")),
        dataset=_text(path, "dataset", content.get("dataset")),
        models={name: _text(path, f"models.{name}", value) or "" for name, value in models.items()},
        storage=_storage_words(path, [storage] if isinstance(storage, str) else storage),
    )


def _check_keys(
    path: Path, prefix: str, content: Mapping[Any, Any], allowed: Iterable[str]
) -> None:
    for key in content:
        if key not in allowed:
            raise ConfigError(
                f"{path}: there is no {prefix}{key}: {did_you_mean(str(key), allowed)}"
            )


def _text(path: Path, key: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    raise ConfigError(f"{path}: {key} is {value!r}, but it must be a text")


def _storage_words(path: Path, words: object) -> list[str]:
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ConfigError(f"{path}: storage is a list of words such as storage=s3")
    full = [word if is_setting(word) else f"storage={word}" for word in words]
    for word in full:
        if key_of(word).split(".")[0] != "storage":
            raise ConfigError(f"{path}: storage holds {word}, which is no setting of storage")
    return full


def words_of(project: Project, job: str, typed: Sequence[str]) -> list[str]:
    """Make the Hydra words that a job gets from its project file.

    Args:
        typed: the command line's own words, which win.

    Raises:
        DatasetError: the file's dataset is neither a name nor a place.
    """
    taken = {key_of(word) for word in typed}
    words = []
    wishes: Mapping[str, Any] = {}
    if "dataset" in taken:
        chosen = next(word.partition("=")[2] for word in typed if key_of(word) == "dataset")
        wishes = _dataset_yaml(chosen)
    elif project.dataset:
        words += _dataset_words(project, project.dataset)
    groups = {item.name for item in fields(choices.JOBS[job])}
    for name, option in project.models.items():
        if option and name in groups and not wishes.get(name):
            words.append(f"{name}={option}")
    words += project.storage
    if not any(key_of(word) in ("storage", "storage.root") for word in words) or project.root:
        words.append(f"storage.root={_place(project.folder, project.root or 'data')}")
    return [word for word in words if key_of(word) not in taken]


def _dataset_words(project: Project, dataset: str) -> list[str]:
    place = _place(project.folder, dataset)
    if dataset not in names():
        return dataset_words(place)
    uri = _dataset_yaml(dataset).get("uri")
    here = [f"dataset.uri={_place(project.folder, uri)}"] if isinstance(uri, str) else []
    return [f"+dataset={dataset}", *here]


def dataset_words(word: str) -> list[str]:
    """Make the Hydra words of a dataset that is named by one word.

    Raises:
        DatasetError: it is neither a dataset's name nor a place that exists.
    """
    if word in names():
        return [f"+dataset={word}"]
    uri = _place(Path.cwd(), word)
    check_exists(word, uri)
    kind = "manifest" if uri.lower().endswith(_MANIFESTS) else "folder"
    if kind == "manifest" and scheme_of(uri) == "file" and local_path(uri).is_dir():
        kind = "folder"
    return [f"+dataset={kind}", f"dataset.uri={uri}"]


def check_exists(word: str, uri: str) -> None:
    """Refuse a place on this machine that does not exist; others are not looked at.

    Raises:
        DatasetError: it does not exist.
    """
    import difflib

    path = local_path(uri) if scheme_of(uri) == "file" else None
    if path is None or path.exists():
        return
    beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, [*beside, *names()], n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    choice = (
        f"give a folder, a manifest .csv, a URI or the name of a dataset ({', '.join(names())})"
    )
    raise DatasetError(f"{word} does not exist: {hint}{choice}")


def names() -> list[str]:
    """List the datasets that need no URI."""
    return [name for name in choices.options("dataset") if name not in _BY_URI]


def _dataset_yaml(name: str) -> Mapping[str, Any]:
    path = conf_folder() / "dataset" / f"{name}.yaml"
    return read_yaml(path) if path.is_file() else {}


def _place(folder: Path, uri: str) -> str:
    """An absolute form of a place, the same whichever way a user types it."""
    if scheme_of(uri) != "file" or "://" in uri:
        return uri
    return os.path.abspath(folder / Path(uri).expanduser())  # noqa: PTH100  # keeps links


def init(words: Sequence[str], folder: Path) -> Path:
    """Write a project file.

    Args:
        words: one dataset, and settings: a model's group, `storage.root`, or any of storage.
        folder: where to write it.

    Raises:
        ConfigError: there is one already, or a word that a project file has no place for.
        DatasetError: the dataset does not exist.
    """
    import yaml

    path = folder / FILE_NAME
    if path.exists():
        raise ConfigError(f"{path} exists: edit it, or delete it first")
    free = [word for word in words if not is_setting(word)]
    if len(free) != 1:
        raise ConfigError("init takes one dataset, as in: trawl init ~/videos")
    content: dict[str, Any] = {"root": "data", "dataset": free[0]}
    if free[0] not in names():
        dataset_words(free[0])
        place = _place(Path.cwd(), free[0])
        below = "://" not in place and Path(place).is_relative_to(folder)
        content["dataset"] = f"./{Path(place).relative_to(folder)}" if below else place
    for word in words:
        key, _, value = word.partition("=")
        if key in MODELS:
            content.setdefault("models", {})[key] = value
        elif key == "storage.root":
            content["root"] = value
        elif key == "storage" or key.startswith("storage."):
            content.setdefault("storage", []).append(word)
        elif is_setting(word):
            allowed = [*MODELS, "storage", "storage.root"]
            raise ConfigError(f"{FILE_NAME} has no place for {key}: {did_you_mean(key, allowed)}")
    path.write_text(_HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return path

"""Checks what is installed and what a job would still need: packages, the device, the storage root
and weights.

It composes the job's settings and looks at files; it downloads nothing, starts no Ray and loads no
model.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from trawl import cli, project
from trawl import words as short
from trawl.config import choices
from trawl.config.values import conf_folder
from trawl.errors import StorageError, UsageError

_PACKAGES = {
    "torch": "torch",
    "open_clip": "open_clip_torch",
    "sam2": "sam2",
    "ray": "ray",
    "lance": "pylance",
    "decord": "decord",
    "av": "av",
    "transformers": "transformers",
}
_DETECTORS = ("owlv2", "grounding_dino")


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of the table. ok: whether the job can work with it; None: it is for information."""

    what: str
    state: str
    ok: bool | None
    source: str = ""
    size: str = ""


def doctor(words: Sequence[str], console: Console | None = None) -> int:
    """Show what is here and give exit code 0, or 2 where the job lacks something.

    Args:
        words: a job's name, and its words as on its command line; without a name: index and track.
    """
    named = [word for word in words[:1] if word in choices.JOBS]
    jobs, typed = named or ["index", "track"], list(words[len(named) :])
    findings = list(dict.fromkeys(each for job in jobs for each in examine(job, typed)))
    table = Table(box=None, pad_edge=False)
    for title in ("what", "state", "from", "size"):
        table.add_column(title, overflow="fold")
    for each in findings:
        table.add_row(each.what, each.state, each.source, each.size)
    (console or Console()).print(table)
    lacking = any(each.ok is False for each in findings)
    return UsageError.exit_code if lacking else 0


def examine(job: str, words: Sequence[str]) -> Iterator[Finding]:
    """Look at everything that a job with these words needs."""
    typed = short.translate(job, words)
    here = project.find(Path.cwd())
    full = [*project.words_of(here, job, typed), *typed] if here else list(typed)
    if not any(project.key_of(word) == "dataset" for word in full):
        full = ["+dataset=folder", f"dataset.uri={Path.cwd()}", *full]
    if job == "export" and not any(project.key_of(word) == "format" for word in full):
        full.append("format=csv")
    config = cli.compose(job, choices.JOBS[job], full)
    weights = list(_weights(config))
    needs = any(each.what.endswith(_DETECTORS) for each in weights)
    for name, package in _PACKAGES.items():
        yield _package(name, package, needs)
    yield _device()
    yield _root(config.storage)
    yield from weights


def _package(name: str, package: str, needs_transformers: bool) -> Finding:
    optional = name == "transformers" and not needs_transformers
    try:
        return Finding(name, version(package), True)
    except PackageNotFoundError:
        return Finding(name, "not installed", None if optional else False)


def _device() -> Finding:
    from trawl.models.devices import device_of

    return Finding("device", str(device_of("auto")), None)


def _root(config: Any) -> Finding:
    from trawl.storage import Storage

    try:
        storage = Storage.open(config)
        if storage.is_s3:
            storage.check(write=True)
            return Finding("storage.root", "writable", True, storage.root)
    except StorageError as error:
        return Finding("storage.root", str(error), False, config.root)
    path = Path(storage.root)
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    ok = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    return Finding("storage.root", "writable" if ok else "not writable", ok, storage.root)


def _weights(config: Any) -> Iterator[Finding]:
    if model := getattr(config, "embedder", None):
        yield _embedder(model)
    if model := getattr(config, "grounder", None):
        yield _grounder(model)
    if model := getattr(config, "tracker", None):
        yield _tracker(model)


def _embedder(config: Any) -> Finding:
    from trawl.models import hub
    from trawl.models.clip import catalog

    what, weights = f"embedder {config.model}", config.weights or ""
    if finding := _without_hub(what, config.kind, weights):
        return finding
    try:
        card = catalog.card(config.model, weights)
    except UsageError as error:
        return Finding(what, str(error), False)
    if not card.hub_repo:
        return Finding(what, "missing", False, weights, "unknown")
    names = [card.hub_file] if card.hub_file else list(hub.DEFAULT_FILES)
    return _at_hub(what, card.hub_repo, names, _size_in_yaml("embedder", card.hub_repo))


def _tracker(config: Any) -> Finding:
    from trawl.models.sam2 import weights as sam2_weights

    what, weights = f"tracker {config.model}", config.weights or ""
    official = sam2_weights.OFFICIAL.get(config.model)
    if official is None or weights != official.repo:
        local = _without_hub(what, config.kind, weights)
        return local or Finding(what, "missing", False, weights, "unknown")
    return _at_hub(what, official.repo, [official.file], _size_in_yaml("tracker", weights))


def _grounder(config: Any) -> Finding:
    from trawl.models.grounders import transformer_files

    if config.kind not in _DETECTORS:
        needs = "nothing" if config.kind == "fake" else config.model or "the index's own model"
        return Finding(f"grounder {config.kind}", f"needs {needs}", True)
    what = f"grounder {config.kind}"
    folder = config.weights
    if folder and folder != config.model:
        return _without_hub(what, config.kind, folder) or Finding(what, "missing", False, folder)
    repo = config.model or transformer_files.KINDS[config.kind].default
    return _at_hub(what, repo, [transformer_files.WEIGHTS], "unknown")


def _without_hub(what: str, kind: str, weights: str) -> Finding | None:
    """Describe weights that need no hub; None for those that do."""
    if kind == "fake" or weights == "builtin" or weights.startswith("random:"):
        return Finding(what, "here", True, weights or "no weights", "")
    path = Path(weights.rpartition("@")[2]).expanduser()
    if path.exists():
        return Finding(what, "here", True, str(path), _size_of(path))
    if "/" in weights or path.suffix:
        return Finding(what, "missing", False, weights, "unknown")
    return None


def _at_hub(what: str, repo: str, names: Sequence[str], size: str) -> Finding:
    from trawl.models import hub

    path = hub.in_cache(repo, names)
    if path:
        return Finding(what, "here", True, repo, _size_of(path))
    return Finding(what, "missing", False, repo, size)


def _size_of(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.0f} MB" if path.is_file() else ""


def _size_in_yaml(group: str, repo: str) -> str:
    """Return the size that the group's files state: in GB, or as parameters of 4 bytes."""
    for path in sorted((conf_folder() / group).glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        if size := re.search(rf"{re.escape(repo)}, ([\d.]+ [GM]B)", text):
            return size[1]
        parameters = re.search(r"([\d.]+) M parameters", text)
        if repo in text and parameters:
            return f"about {4 * float(parameters[1]):.0f} MB"
    return "unknown"

"""The rules of the house that imports can break: floors below commands, no circles, Ray and torch
in their rooms alone.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "trawl"
FILES = sorted(SRC.rglob("*.py"))
# Each room imports only those that stand before it. The shared floors come first, then a room a
# command.
FLOORS = [
    "records",
    "errors",
    "exits",
    "geometry",
    "masks",
    "schemas",
    "config",
    "storage",
    "corpus",
    "decode",
]
FLOORS += ["draw", "demo", "models", "table", "runtime", "ground"]
COMMANDS = ["index", "query", "track", "failures", "export", "report", "evaluate", "compare"]
# `cli` composes the settings of all jobs, `nightly` those of its standing queries through it, and
# `api` calls them all.
TOP = ["guide", "cli", "nightly", "api", "project", "words", "doctor", "command", "__main__"]
ROOMS = [*FLOORS, *COMMANDS, *TOP]
# Ray: the runtime, and in a command the files whose names say so.
RAY = {"runtime", "index.actors", "index.dispatch", "index.fleet", "index.commit", "track.actor"}
# copies of videos are made by actors
RAY |= {"evaluate.robustness.copies", "evaluate.robustness.measure"}
TORCH = {"models", "demo"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SRC.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


def room_of(module: str) -> str:
    """Return the room of a module: `trawl.decode.reader` -> `decode`."""
    return module.split(".")[1] if "." in module else ""


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Return every module that a file imports; `from trawl import cli` is `trawl.cli`."""

    def names() -> Iterator[str]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative imports hide who depends on whom"
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    return frozenset(names())


def ours(path: Path) -> set[str]:
    """Return the modules of the package that a file imports."""
    imported = {name if name in MODULES else name.rpartition(".")[0] for name in imports_of(path)}
    return imported & MODULES.keys() - {"trawl"}


def uses(path: Path, *packages: str) -> set[str]:
    return {name for name in imports_of(path) if name.split(".")[0] in packages}


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"trawl"}))
def test_a_room_imports_only_those_before_it(module: str) -> None:
    assert room_of(module) in ROOMS, (
        "the room has no place: add it here and to docs/architecture.md"
    )
    place = ROOMS.index(room_of(module))
    later = {name for name in ours(MODULES[module]) if ROOMS.index(room_of(name)) > place}
    assert not later


def test_there_are_no_circles() -> None:
    """Take away modules whose imports are all gone, until none is left; what stays is a circle or
    hangs on one.
    """
    left = {module: ours(path) - {module} for module, path in MODULES.items()}
    while free := {module for module, imported in left.items() if not imported & left.keys()}:
        left = {module: imported for module, imported in left.items() if module not in free}
    assert not left


def is_in(module: str, places: set[str]) -> bool:
    name = module.removeprefix("trawl.")
    return any(name == place or name.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("module", sorted(module for module in MODULES if not is_in(module, RAY)))
def test_ray_stays_in_its_files(module: str) -> None:
    assert not uses(MODULES[module], "ray")


@pytest.mark.parametrize("module", sorted(module for module in MODULES if not is_in(module, TORCH)))
def test_torch_stays_in_the_models(module: str) -> None:
    assert not uses(MODULES[module], "torch", "open_clip", "timm", "sam2", "transformers")


@pytest.mark.parametrize(
    "module", sorted(module for module in MODULES if room_of(module) == "ground")
)
def test_grounding_knows_the_protocols_of_models_alone(module: str) -> None:
    models = {name for name in ours(MODULES[module]) if name.startswith("trawl.models")}
    assert models <= {"trawl.models.protocols"}


@pytest.mark.parametrize("path", sorted((ROOT / "jobs").glob("*.py")), ids=lambda p: p.stem)
def test_jobs_stay_thin(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 40


def test_no_rooms_without_a_name() -> None:
    names = {p.stem for p in FILES}
    assert not names & {"utils", "util", "common", "helpers", "misc", "base"}


def test_top_level_is_what_the_design_says() -> None:
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}
    folders -= {"data", "outputs", "multirun"}  # written by jobs, ignored by git
    assert folders == {
        "jobs",
        "src",
        "conf",
        "cluster",
        "tests",
        "notebooks",
        "benchmarks",
        "docs",
        "training",
    }


def test_unit_tests_mirror_the_source() -> None:
    """A test file without a source file is in the wrong place, or its source was renamed."""
    for test in (ROOT / "tests" / "unit").rglob("test_*.py"):
        relative = test.relative_to(ROOT / "tests" / "unit")
        source = SRC / relative.parent / relative.name.removeprefix("test_")
        assert source.exists() or source.with_suffix("").is_dir(), (
            f"{relative} tests nothing called {source.name}"
        )


def test_every_setting_in_yaml_is_explained_or_plain() -> None:
    """A number in YAML says its unit: in the key (`_s`, `_mb`, `_cpus`) or in a comment on the line
    or above.
    """
    units = ("_s", "_mb", "_h", "_cpus", "_gpus", "_threads", "_size")
    unexplained = []
    for path in (ROOT / "conf").rglob("*.yaml"):
        lines = path.read_text().splitlines()
        for before, line in zip(["", *lines], lines):
            number = re.match(r"\s*(\w+): -?\d[\d.]*\s*(#.*)?$", line)
            if (
                number
                and not number[2]
                and not before.strip().startswith("#")
                and not number[1].endswith(units)
            ):
                unexplained.append(f"{path.relative_to(ROOT)}: {line.strip()}")
    assert not unexplained


def test_the_lock_holds_hashes_and_no_addresses() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in text
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)


def test_dependencies_are_all_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.M))
    names = {re.split(r"[\[><=~;]", w)[0].replace("_", "-").lower() for w in declared}
    assert names <= locked

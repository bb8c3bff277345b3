"""The house rules that imports can break: leaves <- steps <- pipelines <- jobs, models beside the steps, Ray in one place."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "trawl"
LEAVES = {"config", "errors", "records", "schemas", "storage", "geometry", "masks"}
STEPS = {"source", "plan", "decode", "embed", "table", "search", "segments", "templates", "results", "report"}
STEPS |= {"clips", "ground", "track", "write", "export", "evaluate", "lease", "estimate", "standing", "reuse"}
APPS = {"cli"}  # composes settings for jobs; steps must not know it
FILES = sorted(SRC.rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SRC.parent).with_suffix("").parts).removesuffix(".__init__")


def part_of(module: str) -> str:
    """`trawl.decode.reader` -> `decode`; the step or layer a module belongs to."""
    return module.split(".")[1] if "." in module else ""


def imports_of(path: Path, at_import_time: bool = False) -> Iterator[str]:
    """Every module that a file imports; names are joined on, so that `from trawl import cli` is `trawl.cli`."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if at_import_time else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide who depends on whom"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> set[str]:
    return {part_of(name) for name in imports_of(path) if name.startswith("trawl.")}


def uses(path: Path, *packages: str, at_import_time: bool = False) -> set[str]:
    return {name for name in imports_of(path, at_import_time) if name.split(".")[0] in packages}


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_layers(path: Path) -> None:
    part = part_of(module_of(path))
    known = LEAVES | STEPS | APPS | {"models", "demo", "pipelines", ""}
    assert part in known, f"{part} is in no layer: add it to this test and to docs/architecture.md"
    if part in LEAVES:
        assert ours(path) <= LEAVES | {"__version__"}
        assert not uses(path, "ray", "torch")
    elif part in STEPS:
        assert ours(path) <= LEAVES | {part, "models"}
        assert all(n.startswith("trawl.models.protocols") for n in imports_of(path) if n.startswith("trawl.models"))
    elif part == "models":
        assert ours(path) <= LEAVES | {"models", "demo"}
    elif part == "demo":
        # It may read videos, embed texts, ground and judge masks as the product does; it runs no part of the pipeline.
        assert not ours(path) & (STEPS - {"decode", "templates", "ground", "evaluate"} | {"pipelines", "cli"})


@pytest.mark.parametrize("path", [f for f in FILES if part_of(module_of(f)) != "pipelines"], ids=module_of)
def test_only_pipelines_import_ray(path: Path) -> None:
    assert not uses(path, "ray")


@pytest.mark.parametrize("path", [f for f in FILES if part_of(module_of(f)) not in {"models", "demo"}], ids=module_of)
def test_only_models_and_demo_import_torch(path: Path) -> None:
    assert not uses(path, "torch", "open_clip", "timm", "sam2", "transformers")


@pytest.mark.parametrize("path", sorted((ROOT / "jobs").glob("*.py")), ids=lambda p: p.stem)
def test_jobs_stay_thin(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 40


def test_no_rooms_without_a_name() -> None:
    names = {p.stem for p in FILES}
    assert not names & {"utils", "util", "common", "helpers", "misc", "base"}


def test_top_level_is_what_the_design_says() -> None:
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}
    folders -= {"data", "outputs", "multirun"}  # written by jobs, ignored by git
    assert folders == {"jobs", "src", "conf", "cluster", "tests", "notebooks", "benchmarks", "docs"}


def test_unit_tests_mirror_the_source() -> None:
    """A test file without a source file is in the wrong place, or its source was renamed."""
    for test in (ROOT / "tests" / "unit").rglob("test_*.py"):
        relative = test.relative_to(ROOT / "tests" / "unit")
        source = SRC / relative.parent / relative.name.removeprefix("test_")
        assert source.exists() or source.with_suffix("").is_dir(), f"{relative} tests nothing called {source.name}"


def test_every_setting_in_yaml_is_explained_or_plain() -> None:
    """A number in YAML says its unit: in the key (`_s`, `_mb`, `_cpus`) or in a comment on the line or above."""
    units = ("_s", "_mb", "_h", "_cpus", "_gpus", "_threads", "_size")
    unexplained = []
    for path in (ROOT / "conf").rglob("*.yaml"):
        lines = path.read_text().splitlines()
        for before, line in zip(["", *lines], lines):
            number = re.match(r"\s*(\w+): -?\d[\d.]*\s*(#.*)?$", line)
            if number and not number[2] and not before.strip().startswith("#") and not number[1].endswith(units):
                unexplained.append(f"{path.relative_to(ROOT)}: {line.strip()}")
    assert not unexplained


def test_the_lock_holds_hashes_and_no_addresses() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in text
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)


def test_the_readme_maps_every_file() -> None:
    readme = (ROOT / "README.md").read_text()
    listed = readme[readme.index("## Files") :]
    files = [
        p
        for p in [*FILES, *(ROOT / "jobs").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
        if p.name != "__init__.py"
    ]
    assert not [str(p.relative_to(ROOT)) for p in files if f"  {p.name} " not in listed]


def test_dependencies_are_all_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.M))
    names = {re.split(r"[\[><=~;]", w)[0].replace("_", "-").lower() for w in wanted}
    assert names <= locked

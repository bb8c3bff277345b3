"""The image: what goes in, in which order, as whom it runs; and the part of the lock that it
installs.
"""

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from .conftest import CLUSTER, ROOT

LOCK = (ROOT / "requirements.lock").read_text()
Instruction = tuple[str, str]  # ("COPY", "src src")


def stages() -> dict[str, list[Instruction]]:
    """Stage -> its instructions, FROM first; lines that end in a backslash joined."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (CLUSTER / "Dockerfile").read_text())
    found: dict[str, list[Instruction]] = {"": []}
    name = ""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            name = rest.rpartition(" AS ")[2]
            found[name] = []
        if word:
            found[name].append((word, rest))
    return found


def lineage(stage: str) -> list[Instruction]:
    """A stage's instructions after those of the stages that it builds on."""
    own = stages()[stage]
    parent = own[0][1].partition(" AS ")[0]
    return (lineage(parent) if parent in stages() else []) + own


@pytest.mark.parametrize("target", ["cuda", "cpu"])
def test_runs_as_nobody_in_particular(target: str) -> None:
    users = [rest for word, rest in lineage(target) if word == "USER"]
    assert users == ["1000:1000"]  # a number, so that runAsNonRoot can be checked
    assert lineage(target)[-1][0] == "USER"


@pytest.mark.parametrize("target", ["cuda", "cpu"])
def test_has_a_health_check_and_writes_where_something_is_mounted(target: str) -> None:
    words = dict(lineage(target))
    assert words["HEALTHCHECK"].endswith('["ray", "health-check"]')
    environment = " ".join(rest for word, rest in lineage(target) if word == "ENV")
    assert "HOME=/tmp" in environment
    assert "HF_HOME=/models" in environment
    assert "PYTHONDONTWRITEBYTECODE=1" in environment


@pytest.mark.parametrize("target", ["cuda", "cpu"])
def test_dependencies_are_a_layer_that_the_sources_do_not_touch(target: str) -> None:
    packages = lineage(f"packages-{target}")
    assert [rest for word, rest in packages if word == "COPY"] == [
        "requirements.lock cluster/runtime_lock.py ./"
    ]
    copies = [rest for word, rest in lineage(target) if word == "COPY"]
    assert copies == [f"--from=packages-{target} /opt/trawl /opt/trawl"]


def test_every_file_from_outside_is_checked_against_its_hash() -> None:
    """All of the lock, but for torch's CPU builds, which it does not hold."""
    unchecked = []
    for name, instructions in stages().items():
        for word, rest in instructions:
            assert word != "ADD", "ADD fetches and unpacks without a check"
            assert not re.search(r"\bcurl\b|git clone|wget .*http", rest), rest
            installs = re.findall(r"pip install[^&|]*", rest) if word == "RUN" else []
            unchecked += [
                (name, one.split()[-1]) for one in installs if "--require-hashes" not in one
            ]
    assert unchecked == [
        ("packages-cpu", "torch.txt"),
        ("cpu", "/wheels/*.whl"),
        ("cuda", "/wheels/*.whl"),
    ]


def test_no_credential_can_reach_a_layer() -> None:
    ignored = [
        line
        for line in (CLUSTER / "Dockerfile.dockerignore").read_text().splitlines()
        if line[:1] not in "#"
    ]
    assert ignored[0] == "*"
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    sources = {"requirements.lock", "pyproject.toml", "README.md", "src", "jobs", "conf"}
    assert let_through == sources | {"cluster", "cluster/runtime_lock.py"}
    assert "cluster/*" in ignored
    for instructions in stages().values():
        for word, rest in instructions:
            assert not (
                word in ("ARG", "ENV") and re.search(r"SECRET|TOKEN|PASSWORD|AWS_", rest)
            ), rest


def test_the_wheel_holds_jobs_settings_and_demo_weights(tmp_path: Path) -> None:
    """Built from what the image's build is given, and nothing else."""
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("src", "jobs", "conf"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    command = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--directory",
        "wheels",
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {
        "jobs/index.py",
        "conf/index.yaml",
        "conf/resources/cluster.yaml",
        "trawl/cli.py",
    } <= set(names)
    assert [
        name
        for name in names
        if name.startswith("trawl/demo/weights/") and name.endswith(".safetensors")
    ]


@pytest.fixture(scope="module")
def runtime_lock() -> ModuleType:
    """cluster/runtime_lock.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("runtime_lock", CLUSTER / "runtime_lock.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _names(lock: str) -> set[str]:
    return set(re.findall(r"(?m)^([A-Za-z0-9][\w.-]*)==", lock))


def _plain(requirement: str) -> str:
    return re.split(r"[\[><=~;]", requirement)[0].replace("_", "-").lower()


def test_the_runtime_is_what_the_package_needs(runtime_lock: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = _names(runtime_lock.select(LOCK))
    assert {_plain(one) for one in project["project"]["dependencies"]} <= names
    assert {"botocore", "aiohttp", "pydantic", "nvidia-cublas"} <= names  # what those need in turn
    assert not names & {
        "pytest",
        "mypy",
        "ruff",
        "moto",
        "playwright",
        "hypothesis",
        "uv",
        "hatchling",
    }
    assert "transformers" not in names
    assert {"transformers", "tokenizers"} <= _names(
        runtime_lock.select(LOCK, also=["transformers"])
    )


def test_whole_entries_are_kept(runtime_lock: ModuleType) -> None:
    chosen = runtime_lock.select(LOCK)
    for name, entry in runtime_lock.entries(chosen).items():
        assert entry in LOCK
        assert "--hash=sha256:" in entry, name


def test_what_is_left_out_and_what_alone_is_wanted(runtime_lock: ModuleType) -> None:
    names = _names(runtime_lock.select(LOCK, without=["torch", "nvidia-*", "opencv-python"]))
    assert not {name for name in names if name.startswith("nvidia")} | (
        names & {"torch", "opencv-python"}
    )
    assert {"torchvision", "opencv-python-headless"} <= names
    tools = _names(runtime_lock.select(LOCK, only=["hatchling"]))
    assert "pathspec" in tools
    assert "torch" not in tools
    with pytest.raises(ValueError, match="no-such-package"):
        runtime_lock.select(LOCK, also=["no-such-package"])


def test_the_image_can_take_jobs_and_show_metrics(runtime_lock: ModuleType) -> None:
    """Ray's dashboard, to which KubeRay submits jobs, and its metrics are in the extra `default`."""
    assert {"aiohttp-cors", "prometheus-client", "opentelemetry-sdk"} <= _names(
        runtime_lock.select(LOCK)
    )

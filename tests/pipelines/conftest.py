"""One real local Ray for all pipeline tests, a small corpus of real encoded videos, and the index
job as a function.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from rich.console import Console
from small_videos import IndexJob, RealIndex, write_video
from warm_actors import WarmActors, warm_actors

from trawl import cli
from trawl.config.jobs import IndexConfig
from trawl.index.job import run
from trawl.index.record import RunRecord
from trawl.runtime import session as runtime

CPUS = 2


@pytest.fixture(scope="session")
def local_ray(aws_environment: None) -> Iterator[WarmActors]:
    """One real Ray for all tests of this process, and its idle actors."""
    # workers must find the actors that tests define
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    options = {
        "include_dashboard": False,
        "log_to_driver": False,
        "object_store_memory": 256 * 2**20,
    }
    runtime.start(address="local", num_cpus=CPUS, **options)
    with warm_actors(CPUS) as warm:
        yield warm
    ray.shutdown()


@pytest.fixture(scope="session")
def real_index(
    local_ray: WarmActors, real_videos: Path, tmp_path_factory: pytest.TempPathFactory
) -> RealIndex:
    root = tmp_path_factory.mktemp("real")
    where = [
        "+dataset=folder",
        f"dataset.uri={real_videos}",
        "dataset.name=real",
        f"storage.root={root}",
    ]
    overrides = [*where, "embedder=demo", "sampling.every_s=1"]
    record = run(cli.compose("index", IndexConfig, overrides), Console(quiet=True))
    return RealIndex(root, where, record)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    write_video(folder / "a" / "red.mp4", ["red", "gray"])
    write_video(folder / "a" / "green.mp4", ["gray", "green", "gray"])
    write_video(folder / "b" / "blue.mp4", ["blue"])
    return folder


@pytest.fixture
def index(local_ray: None, corpus: Path, tmp_path: Path) -> IndexJob:
    """Run the index job over `corpus` with the fake embedder; overrides as on the command line."""

    def call(*overrides: str) -> RunRecord:
        base = [
            "+dataset=folder",
            f"dataset.uri={corpus}",
            "dataset.name=test",
            f"storage.root={tmp_path / 'root'}",
        ]
        base += [
            "embedder=fake",
            "sampling.every_s=0.2",
            "resources.decode_actors=1",
            "resources.embed_actors=1",
        ]
        config = cli.compose("index", IndexConfig, [*base, *overrides])
        return run(config, Console(quiet=True))

    return call

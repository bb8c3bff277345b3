"""An index job on a cluster that has no worker when it begins, with both of Ray's autoscalers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from growing_cluster import growing_cluster, wait_for_nodes
from small_videos import write_video

pytestmark = pytest.mark.timeout(900)  # a busy machine needs several starts of Ray
_SHRUNK_S = 420  # half a minute, but for a busy machine


@dataclass(frozen=True)
class Growing:
    """A cluster of nodes with two CPUs each, two at most."""

    address: str
    version: int

    def index(self, folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
        """The job as it is typed, in a process of its own: the tests' own Ray is another one."""
        command = [
            sys.executable,
            "-m",
            "jobs.index",
            "+dataset=folder",
            "dataset.name=x",
            f"dataset.uri={folder / 'corpus'}",
        ]
        command += [
            f"storage.root={folder / 'root'}",
            "embedder=fake",
            "sampling.every_s=0.2",
            "resources=cluster_cpu",
        ]
        command += [f"resources.address={self.address}", *overrides]
        environment = os.environ | {"RAY_AUTH_MODE": "disabled", "COLUMNS": "200"}
        return subprocess.run(
            command, capture_output=True, text=True, timeout=600, env=environment, check=False
        )


@pytest.fixture(scope="module", params=[1, 2], ids=["of ray up", "of KubeRay"])
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Growing]:
    with growing_cluster(
        tmp_path_factory.mktemp("cluster"), {"cpu": {"CPU": 2.0}}, request.param
    ) as address:
        yield Growing(address, request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_video(tmp_path / "corpus" / "red.mp4", ["red"])
    return tmp_path


def test_a_job_asks_for_nodes_and_waits_for_them_and_they_go_when_it_ends(
    cluster: Growing, folder: Path
) -> None:
    assert wait_for_nodes(cluster.address, 0, _SHRUNK_S)
    sizes = (
        "resources.decode_cpus=1",
        "resources.decode_actors=3",
        "resources.embed_actors=1",
        "resources.embed_threads=1",
    )
    ended = cluster.index(folder, *sizes)
    assert ended.returncode == 0, ended.stderr
    lines = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    waited = [line for line in lines if line.startswith("waiting")]
    assert (
        "more for room for 3 decode actors (1 CPU each) and 1 embed actor (0.5 CPUs)" in waited[0]
    )
    assert "waiting 3 decode and 1 embed actors have room after" in waited[-1], (
        "so both nodes were added"
    )
    assert "indexed 1" in lines
    assert wait_for_nodes(cluster.address, 0, _SHRUNK_S), "no demand outlives the job"


def test_what_no_node_has_ends_in_one_line(cluster: Growing, folder: Path) -> None:
    knows = cluster.version == 2  # the older one does not say what it can never add
    wait_s = 25 if knows else 5
    ended = cluster.index(folder, "resources.embed_gpus=1", f"resources.wait_s={wait_s}")
    assert ended.returncode == (2 if knows else 6), ended.stderr
    line = ended.stderr.strip().splitlines()[-1]
    assert (
        "its autoscaler has none with that to add" if knows else "came within 5 s"
    ) in line and "1 GPU" in line

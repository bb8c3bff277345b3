"""A Ray cluster of several nodes on this machine, and its processes by what they are.

Only processes below this cluster's own are ever killed. A node is lost as a machine is: its raylet
and all its workers at once.
"""

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

_STORE_BYTES = 80 * 2**20
_TRIES = 4
# What a job on such a cluster is given: room for all of its actors on one node, so that losing the
# other leaves room.
SETTINGS = (
    "resources=cluster",
    "resources.decode_actors=2",
    "resources.decode_cpus=0.5",
    "resources.embed_actors=1",
    "resources.embed_threads=1",
    "resources.embed_cpus=0.5",
    "resources.embed_gpus=0",
)


class RayNodes:
    """A head without CPUs, which nobody kills, and nodes that come and go."""

    def __init__(self, nodes: int, cpus: float) -> None:
        from ray.cluster_utils import Cluster

        # Ray's processes execute something else at once
        warnings.filterwarnings("ignore", "lance is not fork-safe")
        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
        self._cluster = _patiently(lambda: Cluster(initialize_head=True, head_node_args=head))
        self._cpus, self.nodes = cpus, list[Any]()
        for _ in range(nodes):
            self.add()

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add(self) -> None:
        """One node more."""
        size = {"num_cpus": self._cpus, "object_store_memory": _STORE_BYTES}
        self.nodes.append(_patiently(lambda: self._cluster.add_node(**size)))

    def processes(self, *words: str) -> list[psutil.Process]:
        """Processes on all nodes whose command line holds one of the words."""
        return [
            process for node in self.nodes for process in _below(node) if _named(process, words)
        ]

    def lose_one(self, chance: random.Random) -> bool:
        """Kill a node on which actors of a job live. False where there is none."""
        busy = [
            node
            for node in self.nodes
            if any(_named(process, ["ray::"]) for process in _below(node))
        ]
        if not busy:
            return False
        node = chance.choice(busy)
        self.nodes.remove(node)
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        for process in [raylet, *raylet.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._cluster.remove_node(node, allow_graceful=False)
        return True

    def stop(self) -> None:
        self._cluster.shutdown()


@contextmanager
def nodes(count: int, cpus: float = 2.0) -> Iterator[RayNodes]:
    """A cluster for as long as the block runs. cpus: logical ones of each node."""
    running = RayNodes(count, cpus)
    try:
        yield running
    finally:
        running.stop()


def _patiently(start: Callable[[], Any]) -> Any:
    """Ray gives a node 30 s to start, which on a busy machine may be too few."""
    for left in reversed(range(_TRIES)):
        try:
            return start()
        except Exception as error:
            if type(error) is not Exception or not left:  # Ray has no class of its own for it
                raise
    raise AssertionError


def _below(node: Any) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(node.all_processes["raylet"][0].process.pid).children(recursive=True)
    return []


def _named(process: psutil.Process, words: Any) -> bool:
    with suppress(psutil.Error):
        return any(word in part for part in process.cmdline() for word in words)
    return False

"""What a job does while a cluster grows.

The cluster is made up; tests/pipelines/test_growing_cluster.py has a real one.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from trawl.config.models import ResourcesConfig
from trawl.errors import ConfigError, RoomError
from trawl.runtime import room
from trawl.runtime.clock import Deadline
from trawl.runtime.room import Share, Waiting, find_room, index_sizes, or_no_time, room_for
from trawl.runtime.sizes import PoolSizes

CPUS = Share("decode", 4, 1.0, 0.0)
GPU = Share("embed", 1, 0.0, 1.0)


@dataclass
class _Group:
    bundle: dict[str, float]
    name: str

    @property
    def id(self) -> "_Group":
        return self

    def hex(self) -> str:
        return self.name


@dataclass
class Cluster:
    """nodes: what there is of each from which second on. Time passes as one sleeps."""

    nodes: list[tuple[float, dict[str, float]]]
    refuses: Callable[[dict[str, float]], bool] = lambda bundle: False
    by_hand: bool = False
    now: float = 0.0
    groups: dict[str, _Group] = field(default_factory=dict)
    ever: int = 0

    def demand(self, bundles: list[dict[str, float]]) -> _Group:
        self.ever += 1
        group = _Group(bundles[0], f"{self.ever:06}")
        self.groups[group.name] = group
        return group

    def there(self) -> list[dict[str, float]]:
        return [has for since, has in self.nodes if since <= self.now]

    def table(self) -> dict[str, dict[str, str]]:
        free = [dict(has) for has in self.there()]
        placed = {name: _place(group.bundle, free) for name, group in self.groups.items()}
        return {name: {"state": "CREATED" if done else "PENDING"} for name, done in placed.items()}

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def total(self) -> dict[str, float]:
        return dict(sum((Counter(has) for has in self.there()), Counter()))

    def refused(self) -> list[dict[str, float]]:
        return [group.bundle for group in self.groups.values() if self.refuses(group.bundle)]


def _place(bundle: dict[str, float], free: list[dict[str, float]]) -> bool:
    for node in free:
        if all(node.get(name, 0) >= each for name, each in bundle.items()):
            for name, each in bundle.items():
                node[name] -= each
            return True
    return False


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster([])
    monkeypatch.setattr(room, "placement_group", made.demand)
    monkeypatch.setattr(room, "placement_group_table", made.table)
    monkeypatch.setattr(room, "remove_placement_group", lambda group: made.groups.pop(group.name))
    monkeypatch.setattr(room, "cluster_resources", made.total)
    monkeypatch.setattr(room.autoscaler, "absent", lambda: made.by_hand)
    monkeypatch.setattr(room.autoscaler, "refused", made.refused)
    monkeypatch.setattr(room.time, "monotonic", lambda: made.now)
    monkeypatch.setattr(room.time, "sleep", made.sleep)
    nodes = lambda: [{"Alive": True, "Resources": has} for has in made.there()]  # noqa: E731
    monkeypatch.setattr(room.ray, "nodes", nodes)
    return made


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def waiting(told: list[str]) -> Waiting:
    return Waiting(tell=told.append)


def test_room_that_is_there_is_taken_without_a_word(
    cluster: Cluster, waiting: Waiting, told: list[str]
) -> None:
    cluster.nodes = [(0, {"CPU": 4.0}), (0, {"GPU": 1.0})]
    assert find_room([CPUS, GPU], 900, waiting) == {"decode": 4, "embed": 1}
    assert (told, cluster.groups, cluster.now) == ([], {}, 0.0)


def test_nodes_are_waited_for_and_the_demand_is_given_back(
    cluster: Cluster, waiting: Waiting, told: list[str]
) -> None:
    cluster.nodes = [(60, {"CPU": 3.0}), (120, {"CPU": 3.0}), (200, {"GPU": 1.0})]
    assert find_room([CPUS, GPU], 900, waiting) == {"decode": 4, "embed": 1}
    assert 200 <= cluster.now < 203 and not cluster.groups
    assert told == [
        "up to 897 s more for room for 4 decode actors (1 CPU each) and 1 embed actor (1 GPU)",
        "up to 840 s more for room for 1 of 4 decode actors (1 CPU each) and 1 embed actor (1 GPU)",
        "up to 780 s more for room for 1 embed actor (1 GPU)",
        "4 decode and 1 embed actors have room after 200 s",
    ]


def test_when_the_time_is_over_one_of_each_is_enough(
    cluster: Cluster, waiting: Waiting, told: list[str]
) -> None:
    cluster.nodes = [(60, {"CPU": 3.0}), (60, {"GPU": 1.0})]
    assert find_room([CPUS, GPU], 300, waiting) == {"decode": 3, "embed": 1}
    assert (
        told[-1] == "3 decode and 1 embed actors have room after 300 s; going on without the rest"
    )


def test_without_one_of_each_it_ends_in_one_line(cluster: Cluster, waiting: Waiting) -> None:
    cluster.nodes = [(60, {"CPU": 7.0})]
    with pytest.raises(RoomError) as caught:
        find_room([CPUS, GPU], 300, waiting)
    assert str(caught.value) == (
        "no room for an embed actor (1 GPU) came within 300 s (it has 7 CPUs and 0 GPUs): see why the cluster's autoscaler "
        "adds no node, or raise resources.wait_s"
    )
    assert caught.value.exit_code == 6 and not cluster.groups


def test_all_that_there_was_no_room_for_is_named(cluster: Cluster, waiting: Waiting) -> None:
    with pytest.raises(
        RoomError,
        match=r"^no room for a decode actor \(1 CPU\) and an embed actor \(1 GPU\) came within 300 s",
    ):
        find_room([CPUS, GPU], 300, waiting)


def test_what_can_never_be_is_said_soon(cluster: Cluster, waiting: Waiting) -> None:
    cluster.nodes, cluster.refuses = [(0, {"CPU": 7.0})], lambda bundle: "GPU" in bundle
    with pytest.raises(
        ConfigError,
        match=r"an embed actor needs 1 GPU of one node, which none .* its autoscaler has none",
    ):
        find_room([CPUS, GPU], 900, waiting)
    assert cluster.now < 30


def test_a_cluster_made_by_hand_is_not_waited_for(cluster: Cluster, waiting: Waiting) -> None:
    cluster.nodes, cluster.by_hand = [(0, {"CPU": 7.0})], True
    with pytest.raises(
        ConfigError, match=r"it adds no nodes by itself .*7 CPUs and 0 GPUs.*resources.embed_gpus"
    ):
        find_room([CPUS, GPU], 900, waiting)
    assert cluster.now < 5
    cluster.nodes = [(0, {"CPU": 2.0}), (0, {"GPU": 1.0})]
    assert find_room([CPUS, GPU], 900, waiting) == {"decode": 2, "embed": 1}, (
        "as many as there is room for"
    )


def test_a_cluster_that_is_at_its_limit_and_busy_is_waited_for(
    cluster: Cluster, waiting: Waiting
) -> None:
    cluster.nodes, cluster.refuses = [(0, {"GPU": 1.0})], lambda bundle: True
    cluster.demand([{"GPU": 1.0}])  # another job's
    with pytest.raises(RoomError):
        find_room([GPU], 300, waiting)
    assert cluster.now >= 300


def test_a_job_whose_time_is_over_waits_no_longer(cluster: Cluster) -> None:
    with pytest.raises(RoomError, match="within 20 s"):
        find_room([GPU], 900, Waiting(over=lambda: cluster.now >= 20))


def test_time_that_runs_out_over_waiting_leaves_the_work_to_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(RoomError), or_no_time(Deadline(8)):
        raise RoomError("none")
    deadline = Deadline(8)
    monkeypatch.setattr(deadline, "over", lambda: True)
    with or_no_time(deadline):
        raise RoomError("none")
    assert deadline.stopped == "max_hours=8"


@pytest.mark.parametrize(
    ("config", "sizes"),
    [
        (
            ResourcesConfig(wait_s=900, decode_cpus=1, embed_cpus=0, embed_gpus=1, embed_threads=1),
            PoolSizes(7, 1, 1, 1),
        ),
        (
            ResourcesConfig(
                wait_s=900,
                decode_cpus=1,
                embed_cpus=0,
                embed_gpus=1,
                embed_threads=1,
                decode_actors=9,
            ),
            PoolSizes(9, 1, 1, 1),
        ),
        (
            ResourcesConfig(wait_s=900, decode_actors=2, embed_actors=1, embed_threads=2),
            PoolSizes(2, 1, 2, 1),
        ),
    ],
    ids=["what the first nodes hold", "as many as were asked for", "threads are of one node"],
)
def test_an_index_job_s_sizes(cluster: Cluster, config: ResourcesConfig, sizes: PoolSizes) -> None:
    config.address = "auto"
    late = 100.0 if config.decode_actors == 9 else 1e9
    cluster.nodes = [(50, {"CPU": 7.0}), (80, {"GPU": 1.0}), (late, {"CPU": 7.0})]
    assert index_sizes(config, Waiting()) == sizes


def test_threads_that_no_node_holds_end_it(cluster: Cluster) -> None:
    cluster.nodes, cluster.by_hand = [(0, {"CPU": 2.0})] * 4, True
    with pytest.raises(ConfigError, match="an embed actor needs 4 CPUs of one node"):
        index_sizes(ResourcesConfig(wait_s=900, address="auto"), Waiting())


@pytest.mark.parametrize(
    ("address", "wait_s"), [(None, 900.0), ("auto", 0.0)], ids=["this machine", "wait_s=0"]
)
def test_what_does_not_grow_is_taken_as_it_is(
    cluster: Cluster, address: str | None, wait_s: float
) -> None:
    config, share = ResourcesConfig(address=address, wait_s=wait_s), Share("track", 3, 1.0, 0.0)
    with pytest.raises(ConfigError, match="but Ray has 0 CPUs"):
        room_for(share, None, config, Waiting())
    cluster.nodes = [(0, {"CPU": 2.0})]
    assert room_for(share, None, config, Waiting()) == 2
    assert index_sizes(config, Waiting()) == PoolSizes(2, 1, 2, 1)
    assert cluster.ever == 0, "nothing was asked for"


@pytest.mark.parametrize(
    ("asked", "found"),
    [(None, 2), (1, 1), (8, 3)],
    ids=["as many as fit", "one", "no more than clips"],
)
def test_room_for_one_kind(cluster: Cluster, asked: int | None, found: int) -> None:
    cluster.nodes = [(10, {"CPU": 2.0}), (40, {"CPU": 2.0})]
    config: Any = ResourcesConfig(wait_s=900, address="auto")
    assert room_for(Share("track", 3, 1.0, 0.0), asked, config, Waiting()) == found

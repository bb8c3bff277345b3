"""Asks a cluster for the room that actors need, and waits for it: a cluster that grows on demand
may have no worker at all.

Each actor's share is a placement group of its own for as long as it is waited for, and is given
back a moment before the actors start. To Ray's autoscaler that is demand, for which it adds nodes.
Its other way, `request_resources`, is not used: it is one request a cluster, so that two jobs
overwrite each other's, and it outlives a driver that is killed and keeps paid machines up; a
placement group goes with its driver. From then on the actors keep their nodes, and without them the
cluster shrinks again.

On a cluster numbers of actors are wishes: with one of each kind a job goes on when the time is
over. A Ray on this machine alone never grows, and is taken as it is.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.util.placement_group import placement_group, placement_group_table, remove_placement_group
from rich.console import Console

from trawl.config.models import ResourcesConfig
from trawl.errors import ConfigError, RoomError
from trawl.runtime import autoscaler
from trawl.runtime.clock import Deadline
from trawl.runtime.record import line
from trawl.runtime.session import cluster_resources
from trawl.runtime.sizes import PoolSizes, actors_that_fit, pool_sizes

_log = logging.getLogger(__name__)

_LOOK_S = 0.5
_SILENT_S = 3.0  # within which a cluster that has the room gives it
_SURE_S = 10.0  # in which a refusal must not change: an autoscaler looks every five seconds
_REST_S = 15.0  # for what the cluster should have already


@dataclass(frozen=True, slots=True)
class Share:
    """Actors of a kind, and what each of them takes on one node."""

    kind: str
    count: int
    cpus: float
    gpus: float

    @property
    def bundle(self) -> dict[str, float]:
        """As Ray names it; empty where they take nothing."""
        return autoscaler.plain({"CPU": self.cpus, "GPU": self.gpus})

    def told(self, found: int = 0) -> str:
        """Describe how many are lacking, and what each needs."""
        number = f"{self.count - found} of {self.count}" if found else f"{self.count}"
        each = " each" if self.count > 1 else ""
        return f"{number} {self.kind} actor{'s' if self.count > 1 else ''} ({_amounts(self.bundle)}{each})"


@dataclass(frozen=True, slots=True)
class Waiting:
    """tell: a person; over: whether the job has no more time."""

    tell: Callable[[str], None] = lambda text: None
    over: Callable[[], bool] = lambda: False


def waiting_for_room(console: Console, deadline: Deadline) -> Waiting:
    """Lines on the console, and no waiting after the deadline."""
    return Waiting(lambda text: line(console, "waiting", text), deadline.over)


@contextmanager
def or_no_time(deadline: Deadline) -> Iterator[None]:
    """Around a job's work: that its time was over before there was room is no error, and what is
    left is the next run's.
    """
    try:
        yield
    except RoomError:
        if not deadline.over():
            raise
        deadline.stop()


def index_sizes(config: ResourcesConfig, waiting: Waiting) -> PoolSizes:
    """Return how many actors of each kind an index job can start, after waiting for room.

    Raises:
        ConfigError: they can never be.
        RoomError: one of a kind could be, and was not within `wait_s`.
    """
    if not _may_grow(config):
        return pool_sizes(config, cluster_resources())
    least = _index_shares(
        config, config.decode_actors or 1, config.embed_actors or 1, config.embed_threads or 1
    )
    found = find_room(least, config.wait_s, waiting)
    given = replace(
        config,
        decode_actors=config.decode_actors and found["decode"],
        embed_actors=config.embed_actors and found["embed"],
    )
    sizes = pool_sizes(given, cluster_resources())
    all_of_it = _index_shares(config, sizes.decode, sizes.embed, sizes.embed_threads)
    if all_of_it != least:  # other jobs may have their part, and a node may be too small
        found = find_room(all_of_it, _REST_S, waiting)
    return replace(sizes, decode=found["decode"], embed=found["embed"])


def room_for(share: Share, asked: int | None, config: ResourcesConfig, waiting: Waiting) -> int:
    """Return how many actors of one kind can be started, after waiting for room.

    Args:
        share: what each takes; no more than its `count` would have work.
        asked: as set; None: as many as there can be.

    Raises:
        ConfigError: they can never be.
        RoomError: one could be, and was not within `wait_s`.
    """
    if not _may_grow(config):
        return min(
            share.count,
            actors_that_fit(share.kind, asked, share.cpus, share.gpus, cluster_resources()),
        )
    found = find_room([replace(share, count=min(share.count, asked or 1))], config.wait_s, waiting)[
        share.kind
    ]
    if asked:
        return found
    most = min(
        share.count, actors_that_fit(share.kind, None, share.cpus, share.gpus, cluster_resources())
    )
    return (
        found
        if most <= found
        else find_room([replace(share, count=most)], _REST_S, waiting)[share.kind]
    )


def find_room(shares: Sequence[Share], limit_s: float, waiting: Waiting) -> Counter[str]:
    """Wait until there is room for all; how many of each kind there is room for, one at least.

    Raises:
        ConfigError: no node can ever hold one of a kind.
        RoomError: there was room for none of a kind within `limit_s`, or before the job's time was
            over.
    """
    began, told, refused_since = time.monotonic(), "", None
    with _demanded(shares) as groups:
        while lacking := _lacking(shares, found := _found(groups)):
            now = time.monotonic()
            if now - began < _SILENT_S:
                time.sleep(_LOOK_S / 10)
                continue
            text = " and ".join(share.told(found[share.kind]) for share in lacking)
            if text != told:
                waiting.tell(f"up to {limit_s - (now - began):.0f} s more for room for {text}")
                _log.info(
                    "room waited for", extra={"fields": {"lacking": text, "limit_s": limit_s}}
                )
                told = text
            static = autoscaler.absent()
            no_more = static or _all_refused(lacking)
            refused_since = (refused_since or now) if no_more else None
            sure = refused_since is not None and (static or now - refused_since >= _SURE_S)
            nothing = [share for share in lacking if not found[share.kind]]
            if sure:
                _check_possible(nothing, static)
            timed_out = now - began >= limit_s or waiting.over()
            if nothing and timed_out:
                raise RoomError(_no_room(nothing, now - began))
            if not nothing and (timed_out or sure):
                break
            time.sleep(_LOOK_S)
    if told:
        _tell_end(shares, found, time.monotonic() - began, waiting)
    return found


def _may_grow(config: ResourcesConfig) -> bool:
    return config.address is not None and config.wait_s > 0


def _index_shares(config: ResourcesConfig, decode: int, embed: int, threads: int) -> list[Share]:
    return [
        Share("decode", decode, config.decode_cpus, 0.0),
        Share("embed", embed, config.embed_cpus * threads, config.embed_gpus),
    ]


@contextmanager
def _demanded(shares: Sequence[Share]) -> Iterator[list[tuple[Share, Any]]]:
    """A placement group for every actor; None for one that takes nothing."""
    groups: list[tuple[Share, Any]] = []
    try:
        for share in shares:
            for _ in range(share.count):
                groups.append((share, placement_group([share.bundle]) if share.bundle else None))
        yield groups
    finally:
        for _, group in groups:
            if group is not None:
                remove_placement_group(group)


def _found(groups: Sequence[tuple[Share, Any]]) -> Counter[str]:
    table = placement_group_table()
    there = {name for name, about in table.items() if about["state"] == "CREATED"}
    return Counter(
        share.kind for share, group in groups if group is None or group.id.hex() in there
    )


def _lacking(shares: Sequence[Share], found: Counter[str]) -> list[Share]:
    return [share for share in shares if found[share.kind] < share.count]


def _all_refused(lacking: Sequence[Share]) -> bool:
    refused = autoscaler.refused()
    return all(share.bundle in refused for share in lacking)


def _check_possible(nothing: Sequence[Share], static: bool) -> None:
    """Raise ConfigError where no node can hold one of these; those that are merely busy may still
    be given.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    for share in nothing:
        if not any(
            all(node.get(name, 0) >= each for name, each in share.bundle.items()) for node in nodes
        ):
            adds = (
                "it adds no nodes by itself"
                if static
                else "its autoscaler has none with that to add"
            )
            raise ConfigError(
                f"{_one(share)} needs {_amounts(share.bundle)} of one node, which none of this cluster has, and {adds} "
                f"({_there()}): add such a node, or choose other resources ({_settings(share)})"
            )


def _no_room(nothing: Sequence[Share], waited_s: float) -> str:
    lacking = " and ".join(f"{_one(share)} ({_amounts(share.bundle)})" for share in nothing)
    return (
        f"no room for {lacking} came within {waited_s:.0f} s ({_there()}): see why the "
        "cluster's autoscaler adds no node, or raise resources.wait_s"
    )


def _tell_end(
    shares: Sequence[Share], found: Counter[str], waited_s: float, waiting: Waiting
) -> None:
    rest = _lacking(shares, found)
    there = " and ".join(f"{found[share.kind]} {share.kind}" for share in shares)
    text = f"{there} actors have room after {waited_s:.0f} s"
    waiting.tell(text + ("; going on without the rest" if rest else ""))
    fields = {
        "found": dict(found),
        "waited_s": round(waited_s, 1),
        "lacking": {s.kind: s.count - found[s.kind] for s in rest},
    }
    _log.log(logging.WARNING if rest else logging.INFO, "room found", extra={"fields": fields})


def _there() -> str:
    total = cluster_resources()
    return f"it has {total.get('CPU', 0.0):g} CPUs and {total.get('GPU', 0.0):g} GPUs"


def _one(share: Share) -> str:
    return f"{'an' if share.kind[0] in 'aeiou' else 'a'} {share.kind} actor"


def _amounts(bundle: dict[str, float]) -> str:
    return (
        " and ".join(f"{each:g} {name}{'' if each == 1 else 's'}" for name, each in bundle.items())
        or "nothing"
    )


def _settings(share: Share) -> str:
    names = [
        f"resources.{share.kind}_{name}"
        for name, each in (("cpus", share.cpus), ("gpus", share.gpus))
        if each
    ]
    return ", ".join(names)

"""Computes how many actors of each kind there is room for.

Arithmetic only: what a Ray offers comes in as numbers.
"""

import math
import os
from dataclasses import dataclass

from trawl.config.models import ResourcesConfig
from trawl.errors import ConfigError

_THREADS_PER_MODEL = 8  # on CPUs; more of them would begin to wait for the interpreter


@dataclass(frozen=True, slots=True)
class PoolSizes:
    """Holds how many actors of each kind run."""

    decode: int
    embed: int
    embed_threads: int  # of each embedding actor
    writers: int


def pool_sizes(config: ResourcesConfig, total: dict[str, float]) -> PoolSizes:
    """Actors of each kind for what a Ray offers.

    One decoder and one embedding thread per core where both share the CPUs, one embedder per GPU
    where there are GPUs.

    Raises:
        ConfigError: the cluster has no GPU and `embed_gpus` asks for one, or the actors asked for
            do not fit.
    """
    cpus, gpus = total.get("CPU", 0.0), total.get("GPU", 0.0)
    if config.embed_gpus > gpus:
        raise ConfigError(
            f"resources.embed_gpus={config.embed_gpus:g}, but Ray sees {gpus:g} GPUs: try resources=laptop"
        )
    if config.embed_gpus:
        embed, threads = (
            config.embed_actors or int(gpus / config.embed_gpus),
            config.embed_threads or 1,
        )
    else:
        embed = config.embed_actors or max(
            1, math.ceil(cpus / (config.embed_threads or _THREADS_PER_MODEL))
        )
        threads = config.embed_threads or max(1, int(cpus / embed))
    room = cpus - embed * threads * config.embed_cpus
    decode = config.decode_actors or max(
        1, int(room / config.decode_cpus if config.decode_cpus else cpus)
    )
    needed = embed * threads * config.embed_cpus + decode * config.decode_cpus
    if needed > cpus + 1e-6 or embed * config.embed_gpus > gpus + 1e-6:
        raise ConfigError(
            f"{decode} decode and {embed} embed actors need {needed:g} CPUs and {embed * config.embed_gpus:g} GPUs, Ray has "
            f"{cpus:g} and {gpus:g}: lower resources.decode_actors or resources.embed_actors"
        )
    return PoolSizes(decode, embed, threads, writers=1)


def actors_that_fit(
    kind: str, wanted: int | None, cpus: float, gpus: float, total: dict[str, float]
) -> int:
    """Return how many actors that need `cpus` and `gpus` each fit into a Ray: `wanted`, or as many
    as there can be.

    Raises:
        ConfigError: there is no room for `wanted`, or for one.
    """
    room = how_many_fit(cpus, gpus, total)
    if room < (wanted or 1):
        needed = f"{cpus:g} CPUs and {gpus:g} GPUs each"
        raise ConfigError(
            f"resources.{kind}_actors={wanted or 1} with {needed}, but Ray has {total.get('CPU', 0.0):g} CPUs and "
            f"{total.get('GPU', 0.0):g} GPUs: lower it or resources.{kind}_gpus, or use resources=laptop"
        )
    return wanted or room


def how_many_fit(cpus: float, gpus: float, total: dict[str, float]) -> int:
    """Return how many actors that need `cpus` and `gpus` each fit into a Ray, by its sums."""
    offers = (("CPU", cpus), ("GPU", gpus))
    rooms = [int((total.get(name, 0.0) + 1e-6) / each) for name, each in offers if each]
    return min(rooms, default=os.cpu_count() or 1)

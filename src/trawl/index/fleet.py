"""The actors of one index job: how many, with what, and what to do when one dies.

Decoders and embedders scale apart: on one machine without a GPU both share its cores, on a cluster
the decoders take the CPUs and the embedders the GPUs (`conf/resources`). All start at once and are
waited for once, because their imports take longer than anything else in a small job.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from trawl.config.jobs import IndexConfig
from trawl.index.actors import UNITS_AT_ONCE, DecodeActor, EmbedActor, WriterActor
from trawl.index.record import RunRecord
from trawl.models.clip.weights import Blueprint
from trawl.runtime.pool import Pool
from trawl.runtime.process import peak_mb
from trawl.runtime.room import Waiting, index_sizes
from trawl.runtime.session import ray_session

# Pictures. A CPU is as fast with 8 as with 32, the cores share a short video's pictures better, and
# the memory of larger intermediate results goes back to the system each time, to be paged in again:
# 5 % of the time.
_BATCH_ON_CPU = 8


@dataclass(frozen=True, slots=True)
class Fleet:
    """The pools of one job."""

    decoders: Pool[DecodeActor]
    embedders: Pool[EmbedActor]
    writers: Pool[WriterActor]
    embed_threads: int

    def report(self, record: RunRecord) -> None:
        """Add what the actors have spent; what one that died had spent is not known.

        The work is over: copies of videos go.
        """
        embed = self.embedders.ask("spent")
        record.cpu_s["embed"] = sum(cpu_s for cpu_s, _ in embed)
        record.peak_mb |= {
            "driver": peak_mb(),
            "decode_actor": max(self.decoders.ask("spent"), default=0.0),
            "embed_actor": max((peak for _, peak in embed), default=0.0),
        }
        self.decoders.ask("clear_cache")


@contextlib.contextmanager
def fleet(
    config: IndexConfig, blueprint: Blueprint, record: RunRecord, waiting: Waiting
) -> Iterator[Fleet]:
    """Start Ray where none runs, and the actors on it; yields when all of them can work.

    Measured as `start_up`, and their end as `shut_down`.

    Raises:
        ConfigError: no cluster at `resources.address`, or the actors do not fit on it.
        RoomError: the cluster might have had room for them, and had not in time.
    """
    with contextlib.ExitStack() as stack:
        with record.clock.step("start_up"):
            stack.enter_context(ray_session(config.resources))
            workers = _start(config, blueprint, waiting)
            record.gpus = config.resources.embed_gpus * len(workers.embedders.handles)
            for pool in (workers.embedders, workers.decoders, workers.writers):
                stack.callback(pool.stop)
                pool.ready()
        yield workers
        with record.clock.step("shut_down"):
            stack.close()


def _start(config: IndexConfig, blueprint: Blueprint, waiting: Waiting) -> Fleet:
    resources, embedder = config.resources, config.embedder
    sizes = index_sizes(resources, waiting)
    batch_size = (
        embedder.batch_size if resources.embed_gpus else min(embedder.batch_size, _BATCH_ON_CPU)
    )
    return Fleet(
        embedders=Pool(
            EmbedActor,
            sizes.embed,
            (blueprint, embedder.device, batch_size),
            max_concurrency=sizes.embed_threads,
            num_cpus=resources.embed_cpus * sizes.embed_threads,
            num_gpus=resources.embed_gpus,
        ),
        decoders=Pool(
            DecodeActor,
            sizes.decode,
            (
                config.decode,
                config.sampling,
                blueprint.image,
                config.storage,
                config.table.dtype,
                batch_size,
                resources.scratch,
            ),
            max_concurrency=UNITS_AT_ONCE,
            num_cpus=resources.decode_cpus,
        ),
        writers=Pool(WriterActor, sizes.writers, (), num_cpus=0),
        embed_threads=sizes.embed_threads,
    )

"""Starts Ray, sizes the pools and replaces the dead. Nothing here knows what a video is.

Plain actors with `max_restarts=0`: an actor that dies stays dead and a new one takes its place, so that exactly the unit it was
working on is suspected (a restarting actor had innocent videos blamed). Ray Data is not used: it retries a crashing item for
ever, and its one-CPU-per-actor pools do not start on small machines.
"""

import contextlib
import logging
import math
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError

from trawl.config import ResourcesConfig
from trawl.errors import ConfigError, UsageError

A = TypeVar("A")

# An actor is gone: it died, or Ray's memory monitor killed it, which is no RayActorError.
GONE = (RayActorError, OutOfMemoryError)

_log = logging.getLogger(__name__)
_STARTS = 3  # of Ray, or of one actor
_THREADS_PER_MODEL = 8  # on CPUs; more of them would begin to wait for the interpreter


@dataclass
class _Stay:
    """What stays up between jobs. warm: the last pool, with what it was made of."""

    stack: contextlib.ExitStack
    warm: "tuple[Any, Pool[Any]] | None" = None


_stay: _Stay | None = None  # Ray itself is one a process, too


def _forget() -> None:
    global _stay
    _stay = None


@contextlib.contextmanager
def staying() -> Iterator[None]:
    """Inside, the Ray and the actors that one job starts stay up for the next, and all of them end with this."""
    global _stay
    with contextlib.ExitStack() as stack:
        stack.callback(_forget)
        _stay = _Stay(stack)
        yield


def is_staying() -> bool:
    """Whether `staying` is around."""
    return _stay is not None


@contextlib.contextmanager
def ray_session(config: ResourcesConfig) -> Iterator[None]:
    """A Ray to work on: joined where one runs already or an address is given, else started here and stopped at the end.

    Raises:
        ConfigError: no cluster answers at `resources.address`.
    """
    if ray.is_initialized():
        yield
    elif _stay is not None:
        _stay.stack.enter_context(_started(config))
        yield
    else:
        with _started(config):
            yield


@contextlib.contextmanager
def _started(config: ResourcesConfig) -> Iterator[None]:
    logging.getLogger("ray").setLevel(logging.ERROR)
    os.environ["RAY_IGNORE_UNHANDLED_ERRORS"] = "1"  # of the two results of a unit only one is fetched, and handled
    # Ray starts its processes by fork and exec; nothing of Lance runs between the two.
    warnings.filterwarnings("ignore", "lance is not fork-safe")
    try:
        # Without "local" Ray would join whatever else somebody has started on this machine.
        start(
            address=config.address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **_local_options(config),
        )
    except (ConnectionError, ray.exceptions.RaySystemError, ValueError) as error:
        raise ConfigError(
            f"no Ray cluster answers at resources.address={config.address}: start one with `ray start --head`, or use "
            f"resources=laptop to run without ({str(error).splitlines()[0]})"
        ) from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise ConfigError(
            f"Ray does not start here: {str(error).splitlines()[0]} Try again when the machine is less busy, or join a "
            "cluster by resources.address"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def start(**options: Any) -> None:
    """`ray.init`, tried again where a busy machine takes longer over it than the 30 s that Ray allows and no setting changes.

    Raises:
        Exception: Ray has no class of its own for that; here it took too long three times.
    """
    for attempt in range(1, _STARTS + 1):
        try:
            ray.init(**options)
            return
        except Exception as error:
            if type(error) is not Exception or attempt == _STARTS:
                raise
            ray.shutdown()


def _local_options(config: ResourcesConfig) -> dict[str, Any]:
    if config.address is not None:
        return {}
    return {
        "include_dashboard": False,
        "num_cpus": os.cpu_count(),
        "object_store_memory": config.object_store_mb * 2**20,
        "configure_logging": True,
    }


def cluster_resources() -> dict[str, float]:
    """What the connected Ray offers in all, such as {"CPU": 2.0}."""
    total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return total


def result(ref: Any) -> Any:
    """What a task gave; a UsageError that it met keeps its one line instead of becoming a remote traceback.

    Raises:
        UsageError: as the task raised it.
        RayError: the task had a bug, or its process or node died.
    """
    try:
        return ray.get(ref)
    except RayTaskError as error:
        if isinstance(error.cause, UsageError):
            raise error.cause from None
        raise


@dataclass(frozen=True, slots=True)
class PoolSizes:
    """How many actors of each kind run."""

    decode: int
    embed: int
    embed_threads: int  # of each embedding actor
    writers: int


def pool_sizes(config: ResourcesConfig, total: dict[str, float]) -> PoolSizes:
    """Actors of each kind for what a Ray offers.

    One decoder and one embedding thread per core where both share the CPUs, one embedder per GPU where there are GPUs.

    Raises:
        ConfigError: the cluster has no GPU and `embed_gpus` asks for one, or the actors asked for do not fit.
    """
    cpus, gpus = total.get("CPU", 0.0), total.get("GPU", 0.0)
    if config.embed_gpus > gpus:
        raise ConfigError(
            f"resources.embed_gpus={config.embed_gpus:g}, but Ray sees {gpus:g} GPUs: try resources=laptop"
        )
    if config.embed_gpus:
        embed, threads = config.embed_actors or int(gpus / config.embed_gpus), config.embed_threads or 1
    else:
        embed = config.embed_actors or max(1, math.ceil(cpus / (config.embed_threads or _THREADS_PER_MODEL)))
        threads = config.embed_threads or max(1, int(cpus / embed))
    room = cpus - embed * threads * config.embed_cpus
    decode = config.decode_actors or max(1, int(room / config.decode_cpus if config.decode_cpus else cpus))
    needed = embed * threads * config.embed_cpus + decode * config.decode_cpus
    if needed > cpus + 1e-6 or embed * config.embed_gpus > gpus + 1e-6:
        raise ConfigError(
            f"{decode} decode and {embed} embed actors need {needed:g} CPUs and {embed * config.embed_gpus:g} GPUs, Ray has "
            f"{cpus:g} and {gpus:g}: lower resources.decode_actors or resources.embed_actors"
        )
    return PoolSizes(decode, embed, threads, writers=1)


def actors_that_fit(kind: str, wanted: int | None, cpus: float, gpus: float, total: dict[str, float]) -> int:
    """How many actors that need `cpus` and `gpus` each a Ray has room for: `wanted`, or as many as there can be.

    Raises:
        ConfigError: there is no room for `wanted`, or for one.
    """
    offers = (("CPU", cpus), ("GPU", gpus))
    rooms = [int((total.get(name, 0.0) + 1e-6) / each) for name, each in offers if each]
    room = min(rooms, default=os.cpu_count() or 1)
    if room < (wanted or 1):
        needed = f"{cpus:g} CPUs and {gpus:g} GPUs each"
        raise ConfigError(
            f"resources.{kind}_actors={wanted or 1} with {needed}, but Ray has {total.get('CPU', 0.0):g} CPUs and "
            f"{total.get('GPU', 0.0):g} GPUs: lower it or resources.{kind}_gpus, or use resources=laptop"
        )
    return wanted or room


class Pool(Generic[A]):
    """Actors of one kind. `handles` is a plain list; `replace` puts a new one where a dead one was."""

    def __init__(self, actor: type[A], size: int, args: tuple[Any, ...], **options: Any) -> None:
        """Start `size` actors.

        Args:
            actor: the class; it knows nothing of Ray.
            size: how many.
            args: of the constructor, also for each replacement.
            options: Ray's, such as num_cpus.
        """
        self._kind = actor.__name__
        self._remote = ray.remote(max_restarts=0, max_task_retries=0, **options)(actor)
        self._args = args
        self.handles: list[Any] = [self._remote.remote(*args) for _ in range(size)]

    def replace(self, index: int) -> None:
        """Start a new actor at a place; what is left of the old one is killed."""
        _log.warning("actor replaced", extra={"fields": {"actor": self._kind, "place": index}})
        with contextlib.suppress(*GONE, ValueError):
            ray.kill(self.handles[index])
        self.handles[index] = self._remote.remote(*self._args)

    def replace_dead(self) -> int:
        """Ask every actor for a sign of life, replace those that have died, and say how many that were."""
        dead = [i for i, handle in enumerate(self.handles) if not _alive(handle)]
        for index in dead:
            self.replace(index)
        return len(dead)

    def ready(self) -> list[Any]:
        """Wait until every actor is up; their answers. One that dies meanwhile is replaced, twice at most.

        Raises:
            RayActorError: it dies each time.
        """
        refs = [handle.ready.remote() for handle in self.handles]
        return [self._ready(index, ref) for index, ref in enumerate(refs)]

    def _ready(self, index: int, ref: Any) -> Any:
        for _ in range(_STARTS - 1):
            try:
                return ray.get(ref)
            except GONE:
                self.replace(index)
                ref = self.handles[index].ready.remote()
        return ray.get(ref)

    def ask(self, method: str) -> list[Any]:
        """What a method without arguments answers, of every actor that is alive."""
        answers = []
        for handle in self.handles:
            with contextlib.suppress(*GONE):
                answers.append(ray.get(getattr(handle, method).remote()))
        return answers

    def stop(self) -> None:
        """End all actors, so that a job that joined a running cluster leaves nothing there."""
        for handle in self.handles:
            ray.kill(handle)


@contextlib.contextmanager
def working_pool(actor: type[A], size: int, args: tuple[Any, ...], **options: Any) -> "Iterator[Pool[A]]":
    """A pool whose actors are up; see `Pool` for the arguments. Ends with the block, unless a job that may want it follows:
    inside `staying`, the pool of the job before is handed on where it was made of the same and has enough actors."""
    made_of = (actor, args, options)
    if _stay and _stay.warm and _stay.warm[0] == made_of and len(_stay.warm[1].handles) >= size:
        pool = _stay.warm[1]
    else:
        if _stay and _stay.warm:
            _stay.warm[1].stop()  # or there may be no room for the new one
            _stay.warm = None
        pool = Pool(actor, size, args, **options)
    try:
        pool.ready()
        yield pool
    except BaseException:
        pool.stop()  # nobody knows what they are at
        if _stay:
            _stay.warm = None
        raise
    if _stay is None:
        pool.stop()
    elif _stay.warm is None:
        _stay.warm = made_of, pool
        _stay.stack.callback(_stop_warm)


def _stop_warm() -> None:
    if _stay and _stay.warm:
        _stay.warm[1].stop()
        _stay.warm = None


def _alive(handle: Any) -> bool:
    try:
        ray.get(handle.ready.remote())
    except GONE:
        return False
    return True

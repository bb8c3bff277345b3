"""Pools of like actors that replace their dead. Nothing here knows what a video is.

Plain actors with `max_restarts=0`: an actor that dies stays dead and a new one takes its place, so
that exactly the unit it was working on is suspected (a restarting actor had innocent videos
blamed). Ray Data is not used: it retries a crashing item for ever, and its one-CPU-per-actor pools
do not start on small machines.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

import ray
from ray.exceptions import OutOfMemoryError, RayActorError

from trawl.errors import RoomError
from trawl.runtime import session as runtime

A = TypeVar("A")

# An actor is gone: it died, or Ray's memory monitor killed it, which is no RayActorError.
GONE = (RayActorError, OutOfMemoryError)

_log = logging.getLogger(__name__)
_STARTS = 3  # of one actor, besides those that a lost node took


class Pool(Generic[A]):
    """Actors of one kind.

    `handles` is a plain list; `replace` puts a new one where a dead one was.
    """

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
        """Ask every actor for a sign of life, replace those that have died, and say how many that
        were.
        """
        dead = [i for i, handle in enumerate(self.handles) if not _alive(handle)]
        for index in dead:
            self.replace(index)
        return len(dead)

    def ready(self) -> list[Any]:
        """Wait until every actor is up; their answers.

        One that dies meanwhile is replaced: twice, and besides whenever it may have died with its
        node.

        Raises:
            RoomError: it dies each time.
            RayActorError: it cannot be made, which is a bug.
        """
        refs = [handle.ready.remote() for handle in self.handles]
        return [self._ready(index, ref) for index, ref in enumerate(refs)]

    def _ready(self, index: int, ref: Any) -> Any:
        deaths, nodes = 0, _nodes()
        while True:
            try:
                return ray.get(ref)
            except GONE as error:
                if getattr(error, "actor_init_failed", False):
                    raise
                before, nodes = nodes, _nodes()
                deaths += not before - nodes
                if deaths == _STARTS:
                    raise RoomError(
                        f"{self._kind} died {deaths} times before it was up, most likely for want of memory: "
                        f"{' '.join(str(error).split())}"
                    ) from error
                self.replace(index)
                ref = self.handles[index].ready.remote()

    def ask(self, method: str) -> list[Any]:
        """Return the answers of a method without arguments from every actor that is alive."""
        answers = []
        for handle in self.handles:
            with contextlib.suppress(*GONE):
                answers.append(ray.get(getattr(handle, method).remote()))
        return answers

    def stop(self) -> None:
        """End all actors, so that a job that joined a running cluster leaves nothing there."""
        for handle in self.handles:
            ray.kill(handle)


class _Warm(NamedTuple):
    """A pool that stays up for the next job. asked: how many actors its maker wanted; a cluster may
    have had room for fewer.
    """

    made_of: Any
    asked: int
    pool: Pool[Any]


@contextlib.contextmanager
def working_pool(
    actor: type[A], asked: int, room: Callable[[], int], args: tuple[Any, ...], **options: Any
) -> "Iterator[Pool[A]]":
    """A pool whose actors are up.

    Ends with the block, unless a job that may want it follows: inside `staying`, the pool of the
    job before is handed on where it was made of the same, for as many.

    Args:
        asked: how many there should be.
        room: called where a new pool is made; how many there can be.
        actor, args, options: as of `Pool`.
    """
    stay = runtime.stay()
    kept: _Warm | None = stay.warm if stay else None
    made_of = (actor, args, options)
    if kept and kept.made_of == made_of and kept.asked >= asked:
        warm = kept
    else:
        _stop_warm()  # or there may be no room for the new one
        warm = _Warm(made_of, asked, Pool(actor, room(), args, **options))
    try:
        warm.pool.ready()
        yield warm.pool
    except BaseException:
        warm.pool.stop()  # nobody knows what they are at
        if stay:
            stay.warm = None
        raise
    if stay is None:
        warm.pool.stop()
    elif stay.warm is None:
        stay.warm = warm
        stay.stack.callback(_stop_warm)


def _stop_warm() -> None:
    stay = runtime.stay()
    if stay and stay.warm:
        stay.warm.pool.stop()
        stay.warm = None


def _nodes() -> set[str]:
    """Those that are up."""
    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}  # type: ignore[no-untyped-call]


def _alive(handle: Any) -> bool:
    try:
        ray.get(handle.ready.remote())
    except GONE:
        return False
    return True

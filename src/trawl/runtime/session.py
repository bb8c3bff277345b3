"""Starts Ray, or joins one, and keeps it up from one job to the next.

Nothing here knows what a video is.
"""

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayTaskError

from trawl.config.models import ResourcesConfig
from trawl.errors import ConfigError, UsageError

_STARTS = 3


@dataclass
class Stay:
    """Holds what stays up between jobs.

    warm: whatever `pool.py` keeps of the last one.
    """

    stack: contextlib.ExitStack
    warm: Any = None


_stay: Stay | None = None  # Ray itself is one a process, too


def _forget() -> None:
    global _stay
    _stay = None


@contextlib.contextmanager
def staying() -> Iterator[None]:
    """Inside, the Ray and the actors that one job starts stay up for the next, and all of them end
    with this.
    """
    global _stay
    with contextlib.ExitStack() as stack:
        stack.callback(_forget)
        _stay = Stay(stack)
        yield


def stay() -> Stay | None:
    """Return what is kept; None outside of `staying`."""
    return _stay


def is_staying() -> bool:
    """Whether `staying` is around."""
    return _stay is not None


@contextlib.contextmanager
def ray_session(config: ResourcesConfig) -> Iterator[None]:
    """A Ray to work on: joined where one runs already or an address is given, else started here and
    stopped at the end.

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
    # of the two results of a unit only one is fetched, and handled
    os.environ["RAY_IGNORE_UNHANDLED_ERRORS"] = "1"
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
    """`ray.init`, tried again where a busy machine takes longer over it than the 30 s that Ray
    allows and no setting changes.

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
    """Return what the connected Ray offers in all, such as {"CPU": 2.0}."""
    total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return total


def result(ref: Any) -> Any:
    """Return what a task gave; a UsageError that it met keeps its one line instead of becoming a
    remote traceback.

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

"""The index job with one part exchanged: `python -m tests.chaos.patched PART=VALUE` and the
job's own arguments.
"""

import datetime as standard
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trawl import cli
from trawl.config.jobs import IndexConfig


def greedy(marker: str) -> None:
    """An embedder that takes all memory, once."""
    from tests.chaos import actors
    from trawl.index import fleet

    fleet.EmbedActor = actors.greedy(Path(marker))  # type: ignore[misc]


def deadly(_: str) -> None:
    """A decoder whose process dies of one video."""
    from tests.chaos import actors
    from trawl.index import fleet

    fleet.DecodeActor = actors.DeadlyDecoder  # type: ignore[misc]


def paced(cost_s: str) -> None:
    """Videos that cost a fixed time."""
    from tests.chaos import actors
    from trawl.index import fleet

    fleet.DecodeActor = actors.paced(float(cost_s))  # type: ignore[misc]


def clock(off_s: str) -> None:
    """This process's wall clock, as all of our own code reads it, is wrong; the one that measures
    time passing is not.
    """
    import trawl.index.job  # noqa: F401  all modules of the job are there to be told

    off = standard.timedelta(seconds=float(off_s))
    right = time.time

    class Wrong(standard.datetime):
        @classmethod
        def now(cls, tz: standard.tzinfo | None = None) -> Any:
            return standard.datetime.now(tz) + off

    time.time = lambda: right() + off.total_seconds()
    for name, module in list(sys.modules.items()):
        if name.startswith("trawl.") and getattr(module, "datetime", None) is standard.datetime:
            module.datetime = Wrong  # type: ignore[attr-defined]


PARTS: dict[str, Callable[[str], None]] = {
    "greedy": greedy,
    "deadly": deadly,
    "paced": paced,
    "clock": clock,
}


def index(config: IndexConfig) -> int:
    from trawl.index.job import run

    return run(config).exit_code


def main() -> None:
    part, _, value = sys.argv.pop(1).partition("=")
    PARTS[part](value)
    cli.main("index", IndexConfig, index)


if __name__ == "__main__":
    main()

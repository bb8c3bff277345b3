"""Parts that every run record shares: ids, versions of libraries, exit codes."""

import contextlib
import platform
import secrets
from datetime import UTC, datetime
from importlib import metadata

from rich.console import Console
from rich.text import Text

from trawl import __version__
from trawl.exits import EXIT_OK, EXIT_SOME_FAILED, EXIT_TOO_MANY_FAILED
from trawl.storage.veil import scrub

_LIBRARIES = ("ray", "torch", "open_clip_torch", "decord", "av", "pylance", "pyarrow", "numpy")


def new_run_id() -> str:
    """Sorts by time, and two of one second differ."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def exit_code_of(failed: int, tried: int, limit: float | None) -> int:
    """Return the exit code for a scheduler: with a limit 5 where the share of `tried` that failed
    is above it, else 0; without one 3 for any.

    Failures within the limit are no reason to repeat the job: they are rows of the ledger
    (`jobs.failures`).
    """
    if limit is not None:
        return EXIT_TOO_MANY_FAILED if failed / max(1, tried) > limit else EXIT_OK
    return EXIT_SOME_FAILED if failed else EXIT_OK


def versions() -> dict[str, str]:
    """Return the versions of Trawl, Python and the libraries whose behaviour a result depends on."""
    found = {"trawl": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def line(console: Console, head: str, text: str) -> None:
    """One headed line of a summary."""
    console.print(
        Text.assemble((f"{head:<10} ", "bold"), scrub(text)), soft_wrap=True, highlight=False
    )

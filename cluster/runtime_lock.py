"""The part of requirements.lock that runs: what the package needs, without what only its developers
need.

    python cluster/runtime_lock.py requirements.lock [--also transformers] [--without torch] [--only
    uv]

Prints whole entries, hashes included, so that whatever installs them checks the same files that
were locked. Who needs whom is read from the lock's own comments ("# via"); Python alone, because it
runs before anything is installed.
"""

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

RUNTIME, DEV = "trawl (pyproject.toml)", "trawl (pyproject.toml:dev)"


def entries(lock: str) -> dict[str, str]:
    """Package name -> its lines: version, hashes and comments."""
    parts = re.split(r"(?m)^(?=[A-Za-z0-9][\w.-]*==)", lock)
    return {part.partition("==")[0]: part for part in parts[1:]}


def needed_by(entry: str) -> set[str]:
    """Names of the packages, or RUNTIME or DEV, that brought this one in."""
    comments = "\n".join(
        line.strip().lstrip("# ") for line in entry.splitlines() if line.strip().startswith("#")
    )
    _, _, via = comments.partition("via")
    return {line.strip() for line in via.splitlines() if line.strip()}


def closure(packages: dict[str, str], roots: Iterable[str]) -> set[str]:
    """Everything that is needed, directly or not, by the roots: package names, or RUNTIME.

    Raises:
        ValueError: a root is not in the lock.
    """
    roots = set(roots)
    if unknown := roots - packages.keys() - {RUNTIME}:
        raise ValueError(f"not in the lock: {', '.join(sorted(unknown))}")
    parents = {name: needed_by(entry) for name, entry in packages.items()}
    found = set(roots)
    while grown := {name for name in packages if name not in found and parents[name] & found}:
        found |= grown
    return found & packages.keys()


def select(
    lock: str, also: Iterable[str] = (), without: Iterable[str] = (), only: Iterable[str] = ()
) -> str:
    """The entries of the package's own needs and of `also`; or of `only`, with theirs; less what
    matches `without`.

    Args:
        without: names, a trailing "*" stands for anything.
    """
    packages = entries(lock)
    names = closure(packages, only or {RUNTIME, *also})
    left_out = re.compile(
        "|".join(re.escape(word).replace(r"\*", ".*") for word in without) or "(?!)"
    )
    return "".join(
        packages[name] for name in packages if name in names and not left_out.fullmatch(name)
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lock", type=Path)
    parser.add_argument(
        "--also", nargs="*", default=[], help="packages of an extra, with their needs"
    )
    parser.add_argument(
        "--without", nargs="*", default=[], help="packages to leave out; * at the end"
    )
    parser.add_argument(
        "--only", nargs="*", default=[], help="these and their needs, and nothing else"
    )
    arguments = parser.parse_args()
    sys.stdout.write(
        select(arguments.lock.read_text(), arguments.also, arguments.without, arguments.only)
    )


if __name__ == "__main__":
    main()

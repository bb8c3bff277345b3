"""Every kind of trouble, one after the other, into docs/reliability.md: `python -m
tests.chaos` (some hours on two cores).

    python -m tests.chaos [--only kills storage ...] [--kills 100] [--kinds node ...] [--nights
    20] [--small]

`--small` makes a little of each, in minutes, and its rows say how little that was. Ends with 1 when
a promise was not kept.
"""

import argparse
import importlib
import os
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path

from tests.chaos.effort import SMALL, Effort
from tests.chaos.finding import Finding, write
from tests.chaos.s3 import use_credentials

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
TROUBLES = ["kills", "storage", "machine", "bad_videos", "writers", "poison", "speed"]


def findings(name: str, effort: Effort) -> list[Finding]:
    """What came of one kind of trouble; a test that breaks is a promise that was not kept."""
    found: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix=f"chaos-{name}-", ignore_cleanup_errors=True) as place:
        try:
            for finding in importlib.import_module(f"tests.chaos.{name}").trouble(
                effort, Path(place)
            ):
                print(finding.row(), flush=True)
                found.append(finding)
        except Exception as error:  # noqa: BLE001  the other kinds are still to be run
            traceback.print_exc()
            lines = str(error).splitlines() or [type(error).__name__]
            found.append(
                Finding(f"{name}.broken", "the test itself", lines[0].replace("|", "/"), False)
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=TROUBLES, default=TROUBLES)
    parser.add_argument("--kills", type=int, help=f"of all kinds together ({Effort.kills})")
    parser.add_argument("--nights", type=int, help=f"under a faulty S3 ({Effort.nights})")
    parser.add_argument(
        "--kinds", nargs="+", choices=Effort.kinds, default=Effort.kinds, help="of kills"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--page", type=Path, default=PAGE)
    args = parser.parse_args()
    if not args.page.is_file():
        parser.error(f"--page {args.page}: there is no such page to write rows into")
    use_credentials()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    effort = replace(SMALL if args.small else Effort(), seed=args.seed, kinds=tuple(args.kinds))
    effort = replace(effort, kills=args.kills or effort.kills, nights=args.nights or effort.nights)
    held = True
    for name in args.only:
        began = time.monotonic()
        print(f"== {name}", flush=True)
        found = findings(name, effort)
        held = held and all(finding.held is not False for finding in found)
        write(args.page, found, TROUBLES)
        print(f"   {time.monotonic() - began:.0f} s", flush=True)
    print(f"written to {args.page}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()

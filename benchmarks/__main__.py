"""Run every benchmark and write docs/benchmarks.md: `python -m benchmarks` (about 70 minutes on two
idle cores).

Each figure is a ratio inside one run on one machine, with absolute times beside it. Clips come from
REAL_VIDEOS, or from a folder given as the argument. `--stages index propagate` runs some, and
leaves the sections of the others as they are.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
STAGES = {
    "index": "Indexing",
    "decode": "Decoding",
    "query": "Querying",
    "maintenance": "Maintenance of the vector index",
    "plan": "Planning",
    "memory": "Memory",
    "propagate": "Propagation",
    "track_memory": "Memory of tracking",
    "end_to_end": "Evaluation: text in, tracks out",
    "sweep": "A sweep of twelve points",
    "precision": "Precision",
}
TAKES_CLIPS = {"index", "decode", "precision"}
HEAD = """# Benchmarks

Written by `make bench`. Ratios are inside one run; absolute times on a shared machine vary by a factor of two.
"""


def machine() -> str:
    """The processor, cores and memory that the figures are of."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.partition(": ")[2] for line in lines if line.startswith("model name"))
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = f"Python {platform.python_version()}"
    return f"{next(names, platform.processor())}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {python}"


def section(name: str, clips: str) -> str:
    """The benchmark's output under its heading, with the day and machine that it is of."""
    command = ["python", "-m", f"benchmarks.{name}", *([clips] if name in TAKES_CLIPS else [])]
    print(f"== {STAGES[name]}: {' '.join(command)}", flush=True)
    done = subprocess.run(
        [sys.executable, *command[1:]], check=True, stdout=subprocess.PIPE, text=True
    )
    print(done.stdout, flush=True)
    shown = " ".join("CLIPS" if word == clips else word for word in command)
    return f"`{shown}`, {datetime.now(UTC):%Y-%m-%d}: {machine()}\n\n{done.stdout.strip()}\n"


def written() -> dict[str, str]:
    """The sections that the page has, by title."""
    parts = re.split(r"^## (.+)\n\n", PAGE.read_text(), flags=re.M) if PAGE.exists() else [""]
    return dict(zip(parts[1::2], (text.rstrip() + "\n" for text in parts[2::2])))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="?", default=os.environ.get("REAL_VIDEOS"))
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    args = parser.parse_args()
    if not args.clips:
        parser.error(
            "give a folder of real .mp4 clips, or set REAL_VIDEOS: synthetic ones decode too easily to measure"
        )
    for name in args.stages:
        # before the page is read: other stages may write to it meanwhile
        found = section(name, args.clips)
        sections = written() | {STAGES[name]: found}
        ordered = [
            f"## {title}\n\n{sections[title]}" for title in STAGES.values() if title in sections
        ]
        PAGE.write_text("\n".join([HEAD, *ordered]))
    print(f"written to {PAGE}")


if __name__ == "__main__":
    main()

"""Run every benchmark and write docs/benchmarks.md: `python -m benchmarks` (about half an hour on two cores).

Each figure is a ratio inside one run on one machine, with absolute times beside it. Clips come from REAL_VIDEOS, or from a folder
given as the argument.
"""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
STAGES = {
    "index": "Indexing",
    "decode": "Decoding",
    "query": "Querying",
    "plan": "Planning",
    "memory": "Memory",
}
TAKES_CLIPS = {"index", "decode"}


def machine() -> str:
    """The processor, cores and memory that the figures are of."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.partition(": ")[2] for line in lines if line.startswith("model name"))
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{next(names, platform.processor())}, {os.cpu_count()} cores, {memory_gib:.0f} GiB"


def section(name: str, title: str, clips: str) -> str:
    command = ["python", "-m", f"benchmarks.{name}", *([clips] if name in TAKES_CLIPS else [])]
    print(f"== {title}: {' '.join(command)}", flush=True)
    done = subprocess.run([sys.executable, *command[1:]], check=True, stdout=subprocess.PIPE, text=True)
    print(done.stdout, flush=True)
    shown = " ".join("CLIPS" if word == clips else word for word in command)
    return f"## {title}\n\n`{shown}`\n\n{done.stdout.strip()}\n"


def main() -> None:
    clips = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REAL_VIDEOS")
    if not clips:
        sys.exit("give a folder of real .mp4 clips, or set REAL_VIDEOS: synthetic ones decode too easily to measure")
    head = (
        "# Benchmarks\n\n"
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {machine()}; Python {platform.python_version()}.\n"
        "Ratios are inside one run; absolute times on a shared machine vary by a factor of two.\n"
    )
    PAGE.write_text("\n".join([head, *(section(name, title, clips) for name, title in STAGES.items())]))
    print(f"written to {PAGE}")


if __name__ == "__main__":
    main()

"""Text in, tracks out: the evaluation job on the demo corpus's test part, as it prints.

    python -m benchmarks.end_to_end [--root data/end_to_end] [OVERRIDES ...]

Everything that the ground truth has a text for is asked for over all test videos at once, followed,
and compared with the truth on every frame; docs/evaluation.md says what each figure is. Below it:
where the CPU of the actors goes.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq


def job(name: str, *overrides: str) -> str:
    """What a job prints, with paths from here; or its end with this one's.

    Args:
        overrides: as on the command line.
    """
    command = [sys.executable, "-m", f"jobs.{name}", "+dataset=demo", *overrides]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "140"}
    )
    if done.returncode:
        sys.exit(f"{' '.join(command[1:])} ended with code {done.returncode}:\n{done.stdout}")
    said = done.stdout.replace(f"{Path.cwd()}/", "")
    return "\n".join(line.rstrip() for line in said.rstrip().splitlines())


def parts(root: Path) -> str:
    """Shares of the actors' CPU, of the run that was evaluated last."""
    file = max(
        root.glob("demo/runs/*/evaluation/metrics.parquet"), key=lambda path: path.stat().st_mtime
    )
    rows = pq.read_table(file, filters=[("metric", "=", "cpu_s_per_video_hour")]).to_pylist()
    spent = {
        row["slice"].removeprefix("part="): row["value"]
        for row in rows
        if row["slice"].startswith("part=")
    }
    shares = sorted(
        ((100 * value / sum(spent.values()), name) for name, value in spent.items()), reverse=True
    )
    return (
        "CPU of the actors: " + ", ".join(f"{name} {share:.1f} %" for share, name in shares) + "."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("data/end_to_end"))
    parser.add_argument(
        "overrides", nargs="*", help="settings of jobs.evaluate, such as tracking.chunk_s=4"
    )
    args = parser.parse_args()
    where = f"storage.root={args.root}"
    job("index", where)
    job("evaluate", where, *args.overrides)
    print(
        f"```\n{job('evaluate', where, 'run=latest', *args.overrides)}\n```\n\n{parts(args.root)}"
    )


if __name__ == "__main__":
    main()

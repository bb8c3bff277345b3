"""How fast: a night with little to do, a plan of very many, and more nodes.

Videos cost their actor a fixed time and the machine next to nothing, so that what is measured is
everything around them.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.cluster import nodes
from tests.chaos.effort import Effort
from tests.chaos.finding import Finding
from tests.chaos.job import Command, run
from tests.chaos.runs import record

_NIGHT, _MOST, _LEAST = 0.01, 0.03, 0.9
_ACTORS = 8
_STARTING = ("start_up", "shut_down")  # of processes, apart from what they do
_FIXED = (
    "resources=cluster",
    "resources.embed_gpus=0",
    "resources.embed_cpus=0",
    "resources.embed_actors=1",
    "resources.embed_threads=1",
    "resources.decode_cpus=1",
)


def trouble(effort: Effort, place: Path) -> Iterator[Finding]:
    yield night(effort, place / "night")
    yield plan(effort)
    yield scaling(effort, place / "nodes")


def night(effort: Effort, place: Path) -> Finding:
    """The first full run, vector index included, against a night with 1 % new videos."""
    new = max(round(_NIGHT * effort.corpus), 1)
    _touch(place / "corpus", 0, effort.corpus)
    with nodes(1, cpus=_ACTORS) as cluster:
        settings = (
            *_FIXED,
            f"resources.decode_actors={_ACTORS}",
            f"resources.address={cluster.address}",
        )
        # so that an index is built, as over any corpus that is large enough
        rows = min(50_000, 15 * effort.corpus)
        command = _paced(effort, place, (*settings, f"table.index_min_rows={max(rows, 256)}"))
        first = _seconds(command)
        _touch(place / "corpus", effort.corpus, new)
        again = _seconds(command)
    ratio = sum(again.values()) / sum(first.values())
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in again.items())
    done = f"{new} new videos after {effort.corpus:,}, of {effort.cost_s:g} s each, {_ACTORS} actors, vector index included"
    came = (
        f"{ratio:.1%} of the first run's {sum(first.values()):.0f} s ({parts}); at most {_MOST:.0%}"
    )
    return Finding("speed.night", done, came, ratio <= _MOST if effort.enough else None)


def plan(effort: Effort) -> Finding:
    """`benchmarks/plan.py`, which see: against a ledger of the same size."""
    command = [sys.executable, "-m", "benchmarks.plan", "--videos", str(effort.planned)]
    table = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in table.splitlines()[2:]
        if line
    ]
    known = [row for row in rows if row[1] == "known"]
    came = "; ".join(f"{row[0]}: {row[6]} s, {row[7]} MiB" for row in known)
    done = f"listing {effort.planned:,} videos and comparing them with a ledger that knows them"
    return Finding(
        "speed.plan", done, came, all(float(row[6]) < 600 and float(row[7]) < 500 for row in known)
    )


def scaling(effort: Effort, place: Path) -> Finding:
    """The same videos on more and more nodes of one actor each."""
    videos = effort.per_node * max(effort.nodes)
    _touch(place / "corpus", 0, videos)
    work: dict[int, float] = {}
    for count in effort.nodes:
        with nodes(count, cpus=1.0) as cluster:
            settings = (
                *_FIXED,
                f"resources.decode_actors={count}",
                f"resources.address={cluster.address}",
            )
            work[count] = _seconds(_paced(effort, place, settings, f"root-{count}"))["work"]
    least, most = min(effort.nodes), max(effort.nodes)
    efficiency = {count: work[least] * least / (work[count] * count) for count in effort.nodes}
    listed = ", ".join(
        f"{count}: {work[count]:.1f} s ({share:.2f})" for count, share in efficiency.items()
    )
    done = f"{videos} videos of {effort.cost_s:g} s on {', '.join(map(str, effort.nodes))} nodes"
    held = efficiency[most] >= _LEAST if effort.enough else None
    return Finding("speed.nodes", done, f"working time and efficiency: {listed}", held)


def _paced(effort: Effort, place: Path, settings: tuple[str, ...], root: str = "root") -> Command:
    module = ("tests.chaos.patched", f"paced={effort.cost_s}")
    return Command(str(place / "corpus"), str(place / root), settings, module=module)


def _seconds(command: Command) -> dict[str, float]:
    """Wall seconds by stage of a run that must go well, without what its processes need to start
    and end.
    """
    ended = run(command)
    assert ended.code == 0, ended.words[-5:]
    return {name: s for name, s in record(command.root)["seconds"].items() if name not in _STARTING}


def _touch(folder: Path, first: int, count: int) -> None:
    """Files whose bytes nobody looks at."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        (folder / f"{number:06d}.mp4").write_bytes(b"not looked at")

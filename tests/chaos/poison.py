"""One video among many that kills: its decoding process, or its actor.

The rest must be indexed, and hardly later.

The same corpus is indexed with and without it, in turns, and the working time (start-up apart) is
compared: that of each one's fastest round, because whatever else a machine does only adds to it.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.chaos.actors import POISON
from tests.chaos.cluster import nodes
from tests.chaos.corpus import clip
from tests.chaos.effort import Effort
from tests.chaos.finding import Finding
from tests.chaos.job import Command, Ended, run
from tests.chaos.runs import record
from tests.chaos.state import shown, storage_at
from trawl.exits import EXIT_OK, EXIT_SOME_FAILED

_ROUNDS = 3
_MOST = 0.02
_ACTORS = 8  # on which videos of a fixed cost are spread; they cost the machine nothing
_REAL = (
    "resources=cluster",
    "resources.embed_gpus=0",
    "resources.embed_actors=1",
    "resources.embed_threads=1",
)


def trouble(effort: Effort, place: Path) -> Iterator[Finding]:
    folders = {}
    for name in ("without", "with"):
        folders[name] = folder = place / name
        folder.mkdir()
        for number in range(effort.poisoned):
            (folder / f"{number:05d}.mp4").write_bytes(clip(10))
        if name == "with":
            (folder / f"{effort.poisoned // 2:05d}-{POISON}.mp4").write_bytes(clip(10))
    with nodes(1, cpus=2.0 + _ACTORS) as cluster:
        real = (
            *_REAL,
            "resources.decode_actors=2",
            "resources.decode_cpus=1",
            f"resources.address={cluster.address}",
        )
        fixed = (
            *_REAL,
            f"resources.decode_actors={_ACTORS}",
            f"resources.address={cluster.address}",
        )
        kinds = {
            "decoder": (("deadly=",), real, "tiny real videos", "decoder_crashed"),
            "actor": (
                (f"paced={effort.cost_s}",),
                fixed,
                f"videos of {effort.cost_s:g} s each",
                "worker_died",
            ),
        }
        for kind, (part, settings, videos, reason) in kinds.items():
            seconds: dict[str, list[float]] = {"without": [], "with": []}
            wrong: list[str] = []
            for round_ in range(_ROUNDS):
                for name, folder in folders.items():
                    root = str(place / f"{kind}-{name}-{round_}")
                    ended = run(
                        Command(str(folder), root, settings, module=("tests.chaos.patched", *part))
                    )
                    wrong += _wrong(
                        ended, root, effort.poisoned, reason if name == "with" else None
                    )
                    seconds[name].append(record(root)["seconds"]["work"])
            held = _held(seconds, wrong) if effort.enough or wrong else None
            yield _finding(held, kind, f"{effort.poisoned} {videos}", seconds, wrong)


def _finding(
    held: bool | None, kind: str, videos: str, seconds: dict[str, list[float]], wrong: list[str]
) -> Finding:
    without, with_ = _fastest(seconds)
    extra = with_ / without - 1
    done = f"a video that kills its {kind} among {videos}, the fastest of {_ROUNDS} rounds with and without"
    came = f"the rest are indexed; {with_ - without:+.1f} s on {without:.1f} s, {extra:+.1%}"
    return Finding(f"poison.{kind}", done, came if not wrong else "; ".join(wrong[:3]), held)


def _held(seconds: dict[str, list[float]], wrong: list[str]) -> bool:
    without, with_ = _fastest(seconds)
    return not wrong and with_ / without - 1 < _MOST


def _fastest(seconds: dict[str, list[float]]) -> tuple[float, float]:
    return min(seconds["without"]), min(seconds["with"])


def _wrong(ended: Ended, root: str, videos: int, reason: str | None) -> list[str]:
    code = EXIT_SOME_FAILED if reason else EXIT_OK
    found = [] if ended.code == code else [f"it ends with {ended.code}: {ended.said}"]
    indexed = len(shown(storage_at(root)).rows)
    found += [] if indexed == videos else [f"{indexed} of {videos} are indexed"]
    failures = record(root)["failures"]
    return found + (
        [] if failures == ({reason: 1} if reason else {}) else [f"failures: {failures}"]
    )

"""A machine in its bad moods: a full disk, no memory left, a clock that is an hour off.

The disk that fills is a tmpfs of its own in a mount namespace, so that no other is touched; it
needs root or user namespaces. What a job does about a full disk happens inside `python -m
tests.chaos.machine WHICH FOLDER ...`, in that namespace.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.chaos.cluster import SETTINGS, nodes
from tests.chaos.corpus import Corpus, clip
from tests.chaos.effort import Effort
from tests.chaos.finding import Finding
from tests.chaos.job import Command, Ended, Job, run
from tests.chaos.kills import COMMITS
from tests.chaos.s3 import BUCKETS, server
from tests.chaos.state import faults, shown, storage_at
from trawl.exits import EXIT_HELD, EXIT_OK, EXIT_SOME_FAILED, EXIT_USAGE

_SMALL = (
    "resources.decode_actors=1",
    "resources.embed_actors=1",
    "resources.embed_threads=1",
    *COMMITS,
)
_DISK_MB = 256
_LEFT_KB = {"root": 160, "scratch": 700}  # free on the disk that fills
_PADDED_BYTES = 2**20  # a video that the disk for scratch has no room for
_HOUR_S = 3600.0


def trouble(effort: Effort, place: Path) -> Iterator[Finding]:
    """All of them."""
    yield full_root(effort, place)
    yield full_scratch(effort, place)
    yield no_memory(effort, place / "memory")
    yield from clocks(effort, place / "clock")


def full_root(effort: Effort, place: Path) -> Finding:
    """The disk under the index fills in the middle of a night; then there is room again."""
    corpus = Corpus(str(place / "full" / "corpus"), effort.videos, effort.seed)
    first, again = _in_namespace("root", place / "disk", corpus.uri)
    wrong = [] if first["code"] == EXIT_USAGE else [f"code {first['code']}: {first['said']}"]
    wrong += [] if "no space is left" in first["said"] else [f"it says {first['said']!r}"]
    wrong += _whole(again, corpus)
    came = f"ends with one line: “{_without(first['said'], place)}”; the next run completes"
    return _finding(
        "full_root", "the disk under the index fills in the middle of a run", came, wrong
    )


def full_scratch(effort: Effort, place: Path) -> Finding:
    """The disk for copies of videos is too small for one of them."""
    with server() as url:
        corpus = Corpus(f"s3://{BUCKETS[0]}/{place.name}", effort.videos, effort.seed, url)
        corpus.put("large.mp4", clip(10) + _free_box(_PADDED_BYTES))
        first, again = _in_namespace(
            "scratch", place / "scratch", corpus.uri, url, str(place / "root")
        )
    corpus.rows["large.mp4"] = 5
    others = [name for name in first["failed"] if name != "large.mp4"]
    wrong = [] if first["code"] == EXIT_SOME_FAILED else [f"code {first['code']}: {first['said']}"]
    wrong += [] if "large.mp4" in first["failed"] else ["the large video was not refused"]
    told = {(reason, message) for reason, message in first["failed"].values()}
    reason, message = next(iter(told), ("", ""))
    wrong += [] if len(told) == 1 and "no space for a copy" in message else [f"it says {told}"]
    wrong += _whole(again, corpus)
    came = f"that one is `{reason}` (“{_without(message, place)}”), with {len(others)} of {len(corpus.rows) - 1} others that "
    came += "were copied while it filled the disk; the next run takes them up, and completes"
    done = "a video from S3 that is larger than the disk for copies"
    return _finding("full_scratch", done, came, wrong)


def no_memory(effort: Effort, place: Path) -> Finding:
    """An embedder takes more memory than there is, and Ray's monitor kills it."""
    corpus = Corpus(str(place / "corpus"), effort.videos, effort.seed)
    marker = place / "eat"
    marker.touch()
    memory = psutil.virtual_memory()
    most = (memory.total - memory.available + 1.2 * 2**30) / memory.total
    environment = {
        "RAY_memory_usage_threshold": f"{min(most, 0.97):.3f}",
        "RAY_memory_monitor_refresh_ms": "100",
    }
    module = ("tests.chaos.patched", f"greedy={marker}")
    command = Command(
        corpus.uri, str(place / "root"), _SMALL, module=module, environment=environment
    )
    first = run(command)
    again = run(Command(corpus.uri, str(place / "root"), _SMALL))
    wrong = [] if not marker.exists() else ["the embedder never ate"]
    wrong += [] if first.count("actor replaced") else ["no actor was killed"]
    wrong += [] if first.explained else [f"it ends with code {first.code}: {first.said}"]
    wrong += _whole(_told(again, command.root), corpus)
    recovered = f"the embedder is replaced, the run ends with code {first.code}"
    came = (
        f"{recovered}; the next one completes"
        if first.code != EXIT_OK
        else f"{recovered}, nothing is left to do"
    )
    return _finding(
        "memory", "an embedding actor takes memory until Ray's monitor kills it", came, wrong
    )


def clocks(effort: Effort, place: Path) -> Iterator[Finding]:
    """Three machines share a dataset, one's clock an hour ahead, one's an hour behind."""
    corpus = Corpus(str(place / "corpus"), effort.videos, effort.seed)
    with nodes(1) as cluster:
        settings = (*SETTINGS, *COMMITS, f"resources.address={cluster.address}")
        right = Command(corpus.uri, str(place / "root"), settings)

        def off(seconds: float) -> Command:
            return Command(
                right.uri,
                right.root,
                settings,
                module=("tests.chaos.patched", f"clock={seconds:g}"),
            )

        wrong, before = list[str](), 0
        for night, command in enumerate([off(_HOUR_S), right, off(-_HOUR_S), right]):
            corpus.change(effort.videos // 4 if night else 0)
            wrong += _whole(_told(run(command), right.root), corpus)
            number = shown(storage_at(right.root)).number
            wrong += [] if number > before else [f"publication {number} follows {before}"]
            before = number
        came = "4 publications, each the whole night's, in order"
        yield _finding(
            "clock_nights",
            "4 nights, run by clocks an hour ahead, right, an hour behind, right",
            came,
            wrong,
        )

        wrong = []
        for seconds in (_HOUR_S, -_HOUR_S):
            corpus.change(effort.videos // 4)
            holder = Job(off(seconds))
            holder.wait_for("lease taken")
            second = run(right)
            wrong += (
                []
                if second.code == EXIT_HELD
                else [f"a second job ends with {second.code}: {second.said}"]
            )
            wrong += _whole(_told(holder.end(), right.root), corpus)
            corpus.change(effort.videos // 4)
            holder = Job(off(seconds))
            holder.wait_for("planned")
            wrong += [] if holder.kill() else ["it ended before it was killed"]
            wrong += _whole(_told(run(right), right.root), corpus)
        came = "a live holder is left alone, a dead one's work is taken over at once"
        yield _finding(
            "clock_lease",
            "a job whose clock is an hour off holds the lease, lives or is killed",
            came,
            wrong,
        )


def _finding(name: str, done: str, came: str, wrong: list[str]) -> Finding:
    return Finding(
        f"machine.{name}",
        done,
        came if not wrong else "; ".join(wrong[:3]).replace("|", "/"),
        not wrong,
    )


def _whole(told: dict, corpus: Corpus) -> list[str]:
    """What is wrong with what a run that had to succeed left behind."""
    found = (
        []
        if told["code"] == EXIT_OK
        else [f"the next run ends with {told['code']}: {told['said']}"]
    )
    if told["rows"] != corpus.rows:
        missing = sum(
            max(count - told["rows"].get(video, 0), 0) for video, count in corpus.rows.items()
        )
        found.append(f"{missing} rows are missing")
    return found + told["faults"]


def _told(ended: Ended, root: str) -> dict:
    """A run and what is shown after it, as JSON can carry it."""
    told = {"code": ended.code, "said": ended.said, "rows": {}, "faults": [], "failed": {}}
    storage = storage_at(root)
    if ended.code in (EXIT_OK, EXIT_SOME_FAILED):
        seen = shown(storage)
        told |= {"rows": dict(seen.rows), "faults": faults(seen, [dict(seen.rows)])}
    for event in ended.events:
        if event["event"] == "video failed":
            told["failed"][event["video_id"]] = (event["reason"], event["message"])
    return told


def _in_namespace(which: str, folder: Path, *arguments: str) -> list[dict]:
    """What two runs say, the first of them with a full disk at `folder`."""
    folder.mkdir(parents=True)
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = [
        "unshare",
        *own,
        "--mount",
        sys.executable,
        "-m",
        "tests.chaos.machine",
        which,
        str(folder),
        *arguments,
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _inside(
    which: str, folder: Path, uri: str, url: str | None = None, root: str | None = None
) -> list[dict]:
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "none", str(folder)], check=True
    )
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(free - _LEFT_KB[which] * 1024))
    settings = (
        (*_SMALL, f"resources.scratch={folder}", "storage.cache_mb=0")
        if which == "scratch"
        else _SMALL
    )
    command = Command(uri, root or str(folder / "index"), settings)
    if url:  # the corpus lies on S3, the index in a folder
        command = Command(uri, command.root, (*settings, f"storage.endpoint={url}"))
    first = run(command)
    told = [_told(first, command.root)]
    ballast.unlink()
    return [*told, _told(run(command), command.root)]


def _free_box(size: int) -> bytes:
    """An MP4 box that says nothing."""
    return size.to_bytes(4, "big") + b"free" + bytes(size - 8)


def _without(line: str, place: Path) -> str:
    return line.removeprefix("trawl: ").replace(str(place), "…").replace("|", "/")


if __name__ == "__main__":
    print(json.dumps(_inside(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])))

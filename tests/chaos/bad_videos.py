"""Bad videos among good ones: each has its reason, none costs another, none reads what it names,
and nothing leaks.

A file and an address that nobody but the bad videos names are watched while the job runs, and read
once at the end, to see that the watch would have told.
"""

import ctypes
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from tests.chaos.cluster import SETTINGS, RayNodes, nodes
from tests.chaos.corpus import Corpus, clip
from tests.chaos.effort import Effort
from tests.chaos.finding import Finding
from tests.chaos.job import Command, Job
from tests.chaos.spoiled import Bad, spoiled
from tests.chaos.state import shown, storage_at
from trawl.table import publish

_IN_ACCESS_OR_OPEN = 0x1 | 0x20
_MOST_MB = 1.0  # a video
_LIMITS = ("decode.timeout_s=60", "decode.max_memory_mb=1024", "table.commit_rows=30")
_PROCESSES = 2  # an actor and its decoding process
_SUFFIXES = "**/*"  # every file, also those that are not called like a video


class Canary:
    """A file and an address. `touched`: what somebody did to them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.path = folder / "canary.mp4"
        self.path.write_bytes(clip(10))
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._watch = self._libc.inotify_init1(os.O_NONBLOCK)
        assert self._libc.inotify_add_watch(self._watch, bytes(self.path), _IN_ACCESS_OR_OPEN) >= 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self._calls = 0
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.getsockname()[1]}"

    def touched(self) -> list[str]:
        found = ["the file was opened"] if self._opened() else []
        return found + (["the address was asked"] if self._calls else [])

    def alive(self) -> bool:
        """Whether it would have told: everybody else has to be done with it."""
        self.path.read_bytes()
        with suppress(OSError):
            urllib.request.urlopen(f"http://{self.address}/", timeout=5)
        return self._opened() and self._calls > 0

    def _opened(self) -> bool:
        with suppress(BlockingIOError):
            return bool(os.read(self._watch, 4096))
        return False

    def _listen(self) -> None:
        while True:
            connection, _ = self._server.accept()
            self._calls += 1
            connection.close()


class Weight:
    """Resident memory of the decode actor and of its decoding process, once both have warmed up on
    the videos of the first commit, and at its most from then on. warm: how many videos those were.
    """

    def __init__(self, cluster: RayNodes, job: Job) -> None:
        self._cluster, self._job = cluster, job
        self.warm = 0
        self.first: dict[int, float] = {}
        self.most: dict[int, float] = {}
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def grown_mb(self) -> float:
        """Waits for the job's end."""
        self._thread.join()
        return sum(self.most[pid] - first for pid, first in self.first.items())

    def _watch(self) -> None:
        self._job.wait_for("committed")
        self.warm = sum(one["videos"] + one["failed"] for one in self._job.heard("committed"))
        kept = [
            process
            for actor in self._cluster.processes("ray::DecodeActor")
            for process in (actor, *actor.children())
        ]
        while self._job.running():
            for process in kept:
                with suppress(psutil.Error):
                    size_mb = process.memory_info().rss / 2**20
                    self.first.setdefault(process.pid, size_mb)
                    self.most[process.pid] = max(size_mb, self.most.get(process.pid, 0.0))
            time.sleep(0.1)


def trouble(effort: Effort, place: Path) -> Iterator[Finding]:
    canary = Canary(place / "canary")
    corpus = Corpus(str(place / "corpus"), max(effort.bad // 5, 8), effort.seed)
    bad = spoiled(effort.bad, effort.seed, canary.path, canary.address)
    assert len({one.name for one in bad}) == effort.bad, "a kind of bad video is missing"
    for one in bad:
        corpus.put(f"bad/{one.name}", one.data)
    with nodes(1) as cluster:
        settings = (*SETTINGS, *_LIMITS, "resources.decode_actors=1", f"dataset.glob={_SUFFIXES}")
        command = Command(
            corpus.uri, str(place / "root"), (*settings, f"resources.address={cluster.address}")
        )
        job = Job(command)
        weight = Weight(cluster, job)
        ended = job.end()
        grown_mb = weight.grown_mb()
    wrong = [] if ended.explained else [f"code {ended.code}: {ended.said}"]
    known = _ledger(command.root)
    wrong += _reasons(known, bad)
    rows = shown(storage_at(command.root)).rows
    wrong += [
        f"{name} has other rows" for name, count in corpus.rows.items() if rows[name] != count
    ]
    reasons = {row["reason"] for row in known.values()} - {None}
    damaged = sum(
        known[f"bad/{one.name}"]["status"] == "indexed" for one in bad if f"bad/{one.name}" in known
    )
    came = f"{len(bad) - damaged} refused for {len(reasons)} reasons, {damaged} indexed as far as they go, "
    came += (
        f"all {len(corpus.rows)} good ones whole; actors replaced: {ended.count('actor replaced')}"
    )
    yield _finding("each", f"{len(bad)} bad videos among {len(corpus.rows)} good ones", came, wrong)
    named = [one for one in bad if one.name.startswith("script")]
    touched = canary.touched()
    touched += [] if canary.alive() else ["the watch does not work"]
    came = "nothing was opened, nothing was asked"
    yield _finding(
        "canary",
        f"{len(named)} of them name a file or an address, which are watched",
        came,
        touched,
    )
    counted = len(bad) + len(corpus.rows) - weight.warm
    each_mb = grown_mb / max(counted, 1)
    heavy = (
        []
        if each_mb <= _MOST_MB and len(weight.first) == _PROCESSES
        else [f"{each_mb:.2f} MB a video"]
    )
    done = f"memory of the decode actor and its decoding process over {counted} of them, after {weight.warm} to warm up"
    yield _finding("leak", done, f"{grown_mb:+.1f} MB in all, {each_mb:+.3f} MB a video", heavy)


def _finding(name: str, done: str, came: str, wrong: list[str]) -> Finding:
    return Finding(
        f"bad_videos.{name}",
        done,
        came if not wrong else "; ".join(wrong[:5]).replace("|", "/"),
        not wrong,
    )


def _ledger(root: str) -> dict[str, dict]:
    storage = storage_at(root)
    _, videos = publish.open_tables(storage, "chaos", publish.latest(storage, "chaos"))
    return {row["video_id"]: row for row in videos.to_table().to_pylist()}


def _reasons(known: dict[str, dict], bad: list[Bad]) -> list[str]:
    """Every bad video is known, and either indexed as far as it goes or has a reason and words."""
    wrong = []
    for one in bad:
        row = known.get(f"bad/{one.name}")
        if row is None:
            wrong.append(f"{one.name} is not in the ledger")
        elif row["status"] == "indexed" and one.hopeless:
            wrong.append(f"{one.name} was indexed")
        elif row["status"] != "indexed" and not (row["reason"] and row["message"]):
            wrong.append(f"{one.name} failed without a reason")
        elif row["reason"] == "worker_died":
            wrong.append(f"{one.name} cost an actor")
    return wrong

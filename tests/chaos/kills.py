"""`kill -9` at random moments: of the driver, of an actor, of a decoding process, of a node with
all that is on it.

Night after night the corpus changes, the job starts, something dies, and the job is run again until
it has nothing left to do; a reader queries all the while. Moments are drawn from a seed, over what
a job took that nobody disturbed.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.chaos.cluster import SETTINGS, RayNodes, nodes
from tests.chaos.corpus import Corpus
from tests.chaos.effort import Effort
from tests.chaos.finding import Finding
from tests.chaos.job import Command, Ended, Job, run
from tests.chaos.reader import Reader, Seen
from tests.chaos.state import faults, shown, storage_at
from trawl.exits import EXIT_SOME_FAILED

# Small commits, so that there are many moments between two of them.
COMMITS = ("table.commit_rows=40", "table.commit_every_s=1", "table.lease_s=10")
SHARES = {"driver": 0.4, "actor": 0.2, "decoder": 0.2, "node": 0.2}
_WHAT = {
    "driver": "the driver",
    "actor": "an actor",
    "decoder": "a decoding process",
    "node": "all of a node",
}
_PER_NIGHT = 4  # kills in a night that goes on after them
_RERUNS = 4
Strike = Callable[[], bool]


@dataclass
class Tally:
    """kills: that hit. reruns: jobs that were needed afterwards. wrong: what was not as it must be.
    left: videos that were marked as failed when a night's first job ended, all taken up again by
    the next.
    """

    kills: int = 0
    nights: int = 0
    reruns: int = 0
    left: int = 0
    wrong: list[str] = field(default_factory=list)

    def finding(self, kind: str, seen: Seen) -> Finding:
        wrong = [*self.wrong, *seen.wrong]
        came = f"0 lost, 0 doubled, 0 half-published in {seen.looks:,} looks at {seen.publications} publications"
        if wrong:
            came = f"{len(wrong)} faults in {seen.looks:,} looks: {'; '.join(wrong[:3])}"
        came += f"; {self.left} videos left to a next run" if self.left else ""
        done = (
            f"{self.kills} x `kill -9` of {_WHAT[kind]}, {self.nights} nights, {self.reruns} reruns"
        )
        return Finding(f"kills.{kind}", done, came, not wrong)


class Nights:
    """A corpus that changes, the job over it, and the moments of a calm night."""

    def __init__(
        self, command: Command, corpus: Corpus, reader: Reader, chance: random.Random
    ) -> None:
        self.command, self.corpus, self._reader, self._chance = command, corpus, reader, chance
        self._storage = storage_at(command.root, command.endpoint)
        self._changes = max(len(corpus.rows) // 4, 4)
        self.tally = Tally()

    def calm(self) -> None:
        """Two undisturbed nights: everything, and a change. Of the second the moments are kept."""
        for changes in (0, self._changes):
            self._new_day(changes)
            ended = run(self.command)
            assert ended.code == 0, f"the job fails undisturbed: {ended.words[-5:]}"
        at = {
            name: next(one["at_s"] for one in ended.events if one["event"] == name)
            for name in ("begun", "planned")
        }
        self._from = {name: ended.wall_s - moment for name, moment in at.items()}

    def start(self) -> Job:
        """The next night's job."""
        self._new_day(self._changes)
        self.tally.nights += 1
        return Job(self.command)

    def wait(self, job: Job, parts: int = 1) -> bool:
        """Let a random time pass, three times in four of that after the plan is made.

        False when the job has ended by then.

        parts: how many such moments are to find room in one night.
        """
        event = self._chance.choice(["begun", "planned", "planned", "planned"])
        job.wait_for(event)
        time.sleep(self._chance.random() * self._from[event] / parts)
        return job.running()

    def settle(self, first: Ended | None) -> None:
        """Run the job until a run has nothing to complain of, then look at what is shown."""
        ended = first
        for _ in range(_RERUNS):
            if ended is not None and ended.code == 0:
                break
            if ended is not None and not ended.explained:
                self.tally.wrong.append(f"the job ended with code {ended.code}: {ended.said}")
            elif ended is not None and ended.code == EXIT_SOME_FAILED:
                self.tally.left += len(shown(self._storage).failed)
            ended = run(self.command)
            self.tally.reruns += 1
        if ended is None or ended.code != 0:
            self.tally.wrong.append(f"no good end after {_RERUNS} reruns")
        seen = shown(self._storage)
        self.tally.wrong += faults(seen, [self.corpus.rows])
        if seen.failed:
            self.tally.wrong.append(f"{len(seen.failed)} videos were given up")

    def _new_day(self, changes: int) -> None:
        self.corpus.change(changes)
        self._reader.night(self.corpus.rows)


def drivers(nights: Nights, kills: int) -> None:
    """Each in a night of its own."""
    while nights.tally.kills < kills:
        job = nights.start()
        if nights.wait(job) and job.kill():
            nights.tally.kills += 1
            nights.settle(None)
        else:
            nights.settle(job.end())


def parts(
    nights: Nights, kills: int, strike: Strike, restore: Callable[[], None] = lambda: None
) -> None:
    """Of parts that the job must do without: several in a night, and the job goes on."""
    idle = 0
    while nights.tally.kills < kills and idle < kills + 3:
        job, before = nights.start(), nights.tally.kills
        while nights.tally.kills < min(kills, before + _PER_NIGHT) and nights.wait(job, _PER_NIGHT):
            nights.tally.kills += strike()
        nights.settle(job.end())
        restore()
        idle += nights.tally.kills == before
    if nights.tally.kills < kills:
        nights.tally.wrong.append(f"only {nights.tally.kills} of {kills} kills hit something")


def trouble(effort: Effort, place: Path) -> Iterator[Finding]:
    """All kinds that are asked for; how often each dies does not depend on which."""
    for number, (kind, share) in enumerate(SHARES.items()):
        if kind not in effort.kinds:
            continue
        chance = random.Random(f"{effort.seed}/{kind}")
        with nodes(2) as cluster:
            folder = place / kind
            corpus = Corpus(str(folder / "corpus"), effort.videos, effort.seed + number)
            address = f"resources.address={cluster.address}"
            command = Command(corpus.uri, str(folder / "root"), (*SETTINGS, *COMMITS, address))
            with Reader(command.root, folder / "nights.jsonl") as reader:
                nights = Nights(command, corpus, reader, chance)
                nights.calm()
                kills = max(round(share * effort.kills), 1)
                if kind == "driver":
                    drivers(nights, kills)
                else:
                    parts(nights, kills, _strikes(cluster, chance)[kind], lambda: _refill(cluster))
        yield nights.tally.finding(kind, reader.seen)


def _strikes(cluster: RayNodes, chance: random.Random) -> dict[str, Strike]:
    def kill_one(*words: str) -> bool:
        alive = cluster.processes(*words)
        with suppress(psutil.NoSuchProcess):
            if alive:
                chance.choice(alive).kill()
                return True
        return False

    def lose_node() -> bool:
        if len(cluster.nodes) < 2:
            cluster.add()  # a machine comes before another one goes, or there would be none
        return cluster.lose_one(chance)

    return {
        "actor": lambda: kill_one("ray::DecodeActor", "ray::EmbedActor", "ray::WriterActor"),
        "decoder": lambda: kill_one("trawl.decode.child"),
        "node": lose_node,
    }


def _refill(cluster: RayNodes) -> None:
    while len(cluster.nodes) < 2:
        cluster.add()

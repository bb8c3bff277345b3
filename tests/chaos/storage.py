"""S3 in its bad moods: wrong and lost answers, credentials that expire, a refused clock, two
minutes of nothing.

The corpus and the index lie on one S3 server. The job reaches it through a proxy that misbehaves;
the reader, who is there to see what the job does to the tables, goes past it.
"""

import re
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.cluster import SETTINGS, nodes
from tests.chaos.corpus import Corpus
from tests.chaos.effort import Effort
from tests.chaos.finding import Finding
from tests.chaos.job import Command, Ended, Job, run
from tests.chaos.kills import COMMITS
from tests.chaos.proxy import Faults, Proxy, proxy
from tests.chaos.reader import Reader
from tests.chaos.s3 import BUCKETS, server
from tests.chaos.state import faults, shown, storage_at

_RERUNS = 6
_EXPIRED, _SKEWED = (400, "ExpiredToken"), (403, "RequestTimeTooSkewed")


class Place:
    """A corpus and an index on S3, of one kind of trouble. direct: the server's URL; through: the
    proxy.
    """

    def __init__(
        self, direct: str, through: Proxy, videos: int, settings: tuple[str, ...], folder: Path
    ) -> None:
        where = uuid.uuid4().hex[:8]
        self.direct, self.proxy = direct, through
        self.corpus = Corpus(f"s3://{BUCKETS[0]}/{where}", videos, 0, direct)
        self.root = f"s3://{BUCKETS[1]}/{where}"
        scratch = folder / where
        scratch.mkdir(parents=True)
        settings = (*settings, *COMMITS, f"resources.scratch={scratch}")
        self.command = Command(self.corpus.uri, self.root, settings, through.url)
        self.nights = scratch.with_suffix(".jsonl")

    def wrong(self, ended: Ended) -> list[str]:
        """What is not as it must be after a job that had to succeed."""
        found = [] if ended.code == 0 else [f"the next run ends with {ended.code}: {ended.said}"]
        try:
            seen = shown(storage_at(self.root, self.direct))
        except Exception as error:  # noqa: BLE001  nothing published, or nothing that can be read: that is the finding
            return [*found, str(error).splitlines()[0]]
        return (
            found
            + faults(seen, [self.corpus.rows])
            + [f"{video} was given up" for video in sorted(seen.failed)]
        )


def stutter(place: Place, nights: int, fault: Faults, name: str) -> Finding:
    """Nights under faults; a job that ends with a line is run again, under the same faults."""
    wrong, reruns, said, given_up = list[str](), 0, Counter[str](), 0
    place.proxy.faults.__dict__.update(errors=fault.errors, lost=fault.lost)
    with Reader(place.root, place.nights, place.direct) as reader:
        for night in range(nights):
            place.corpus.change(0 if night == 0 else max(len(place.corpus.rows) // 4, 4))
            reader.night(place.corpus.rows)
            ended = run(place.command)
            for _ in range(_RERUNS):
                if ended.code == 0:
                    break
                given_up += ended.code == 3
                said[_gist(ended)] += ended.code != 3
                if not ended.explained:
                    wrong.append(f"it ended with code {ended.code}: {ended.said}")
                ended, reruns = run(place.command), reruns + 1
            wrong += place.wrong(ended)
    place.proxy.faults.__dict__.update(errors=0.0, lost=0.0)
    wrong += reader.seen.wrong
    seen = place.proxy.faults.seen
    broken = seen["500"] + seen["503"] + seen["reset"]
    done = f"{nights} nights with {fault.errors:.0%} of answers broken ({broken} of {seen['requests']:,}), "
    done += f"{fault.lost:.0%} of commits' answers lost ({seen['lost']} of {seen['commits']})"
    came = f"0 lost, 0 doubled, 0 half-published in {reader.seen.looks:,} looks; {reruns} reruns"
    if said or given_up:
        listed = [f"{count} x {gist}" for gist, count in said.items()] + [
            f"{given_up} x some videos left"
        ] * (given_up > 0)
        came += f" ({', '.join(listed)})"
    return Finding(f"storage.{name}", done, came if not wrong else "; ".join(wrong[:3]), not wrong)


def refused(place: Place, refusal: tuple[int, str], word: str, name: str, done: str) -> Finding:
    """From half-way on every request is refused: the job must end with one line that says why, and
    the next one complete.
    """
    fault = place.proxy.faults
    ended = run(place.command)  # a calm night, to know how many requests one takes
    assert ended.code == 0, ended.words[-3:]
    calm = fault.seen["requests"]
    place.corpus.change(max(len(place.corpus.rows) // 2, 4))
    fault.__dict__.update(refusal=refusal, refuse_after=calm + calm // 2)
    broken = run(place.command)
    fault.refusal = None
    lines = [line for line in broken.words if not line.startswith("Traceback")]
    wrong = (
        []
        if broken.code == 2 and word in broken.said
        else [f"code {broken.code}, {len(lines)} lines: {broken.said}"]
    )
    wrong += place.wrong(run(place.command))
    came = f"ends with one line: “{_short(broken.said)}”; the next run completes"
    return Finding(f"storage.{name}", done, came if not wrong else "; ".join(wrong[:3]), not wrong)


def away(place: Place, seconds: float) -> Finding:
    """S3 goes in the middle of a night, and comes back."""
    job = Job(place.command)
    job.wait_for("committed")
    place.proxy.away()
    return_ = threading.Timer(seconds, place.proxy.back)
    return_.start()
    ended = job.end()
    return_.join()
    wrong = [] if ended.explained else [f"it ended with code {ended.code}: {ended.said}"]
    after = ended if ended.code == 0 else run(place.command)
    wrong += place.wrong(after)
    came = (
        "the job waits, and completes"
        if ended.code == 0
        else f"ends with one line: “{_short(ended.said)}”; the next run completes"
    )
    done = f"S3 refuses connections for {seconds:g} s in the middle of a run"
    return Finding("storage.away", done, came if not wrong else "; ".join(wrong[:3]), not wrong)


def trouble(effort: Effort, folder: Path) -> Iterator[Finding]:
    """All of them, each with a corpus and an index of its own, on one server and one Ray."""
    with ExitStack() as stack:
        direct = stack.enter_context(server())
        cluster = stack.enter_context(nodes(1))
        settings = (*SETTINGS, f"resources.address={cluster.address}")

        def place() -> Place:
            through = stack.enter_context(proxy(direct, Faults(seed=effort.seed)))
            return Place(direct, through, effort.videos, settings, folder)

        yield stutter(place(), effort.nights, Faults(errors=0.05, lost=0.01), "stutter")
        yield stutter(place(), max(effort.nights // 4, 2), Faults(lost=0.25), "lost_answers")
        done = "from the middle of a night on, every request is answered "
        yield refused(
            place(), _EXPIRED, "expired", "expired", f"{done}that the credentials have expired"
        )
        yield refused(
            place(), _SKEWED, "clock", "clock", f"{done}that this machine's clock is wrong"
        )
        yield away(place(), effort.away_s)


def _gist(ended: Ended) -> str:
    return f"code {ended.code}: {_short(ended.said)}"


def _short(line: str) -> str:
    """Without addresses and names that differ from run to run."""
    line = re.sub(
        r"s3://\S+( at http://\S+)?", "s3://…", line.removeprefix("trawl: ").replace("|", "/")
    )
    line = re.sub(r"http://\S+", "http://…", line)
    return line if len(line) <= 160 else f"{line[:159]}…"

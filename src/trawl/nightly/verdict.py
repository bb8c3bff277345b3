"""Whether anybody has to look at a night, and at what.

The first line of its page, and nothing else, has to be read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from trawl.nightly.record import NightFacts

_GROWING = 3  # nights in a row with a longer queue


@dataclass(frozen=True, slots=True)
class Verdict:
    """problems: what somebody has to look at, the worst first; notes: what need not be looked at,
    and is good to know.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        if not self.problems:
            return "All well"
        return (
            "Somebody has to look"
            if len(self.problems) == 1
            else f"Somebody has to look at {len(self.problems)} things"
        )


def judge(tonight: NightFacts, earlier: Sequence[NightFacts]) -> Verdict:
    """
    Args:
        earlier: nights before it, oldest first.
    """
    problems, notes = list[str](), list[str]()
    if tonight.ended_by:
        problems.append(f"The night did not end well: {tonight.ended_by}")
    _judge_videos(tonight, problems, notes)
    problems += [
        f"The standing query {name} could not be asked: {why}"
        for name, why in tonight.refused.items()
    ]
    if tonight.clips_failed:
        told = f"{_count(tonight.clips_failed, 'clip')} of standing queries failed"
        (problems if tonight.exit_code else notes).append(f"{told}; each is tried on three nights")
    if tonight.stopped:
        told = f"It stopped ({tonight.stopped}) with {_count(tonight.waiting, 'video')} left for the next night"
        (problems if _grows(tonight, earlier) else notes).append(
            told
            + (
                f", and the queue has grown for {_GROWING} nights"
                if _grows(tonight, earlier)
                else ""
            )
        )
    if tonight.left:
        notes.append(f"There was no time to ask {', '.join(tonight.left)}; the next night does")
    if tonight.exit_code and not problems:
        problems.append(f"It ended with exit code {tonight.exit_code}")
    return Verdict(tuple(problems), tuple(notes))


def _judge_videos(tonight: NightFacts, problems: list[str], notes: list[str]) -> None:
    tried = tonight.indexed + tonight.failed
    if tonight.failed:
        told = (
            f"{tonight.failed:,} of {_count(tried, 'video')} failed ({tonight.failed / tried:.1%})"
        )
        if tonight.limit is None:
            problems.append(f"{told}; set max_failed_fraction to say how many may")
        elif tonight.failed > tonight.limit * tried:
            problems.append(f"{told}, and max_failed_fraction={tonight.limit:g} allows less")
        else:
            notes.append(f"{told}, which max_failed_fraction={tonight.limit:g} allows")
    if tonight.damaged:
        notes.append(
            f"{_count(tonight.damaged, 'video')} indexed without pictures that are damaged"
        )


def _grows(tonight: NightFacts, earlier: Sequence[NightFacts]) -> bool:
    queue = [night.waiting for night in (*earlier[-_GROWING:], tonight)]
    return len(queue) > _GROWING and all(one < next_ for one, next_ in pairwise(queue))


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"

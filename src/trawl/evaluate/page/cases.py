"""Which of the things that went wrong are looked at, and in which order."""

from collections.abc import Sequence
from itertools import chain, zip_longest

from trawl.records.truth import Case

KINDS = {
    "missed": "Nobody followed it",
    "poor": "Poorly followed",
    "false": "Followed, and not asked for",
    "duplicate": "Followed twice",
    "ranked": "The right answer comes late",
}


def worst_first(cases: Sequence[Case], most: int) -> list[Case]:
    """At most so many: the worst of every kind, then the second of every kind, and so on, ordered
    by kind and then badness.

    Severities of different kinds say nothing of each other, so each kind has the same right to be
    seen.
    """
    turns = zip_longest(*by_kind(cases).values())
    chosen = [case for case in chain.from_iterable(turns) if case is not None][:most]
    return list(chain.from_iterable(by_kind(chosen).values()))


def by_kind(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Worst first within each; the kinds in the order of `KINDS` and then as they come.

    Ties go by place, not by chance.
    """
    groups: dict[str, list[Case]] = {kind: [] for kind in KINDS}
    for case in cases:
        groups.setdefault(case.kind, []).append(case)
    return {kind: sorted(group, key=_badness) for kind, group in groups.items() if group}


def title_of(kind: str) -> str:
    return KINDS.get(kind) or kind.replace("_", " ").capitalize()


def _badness(case: Case) -> tuple[float, str, int, str, int, str]:
    return (
        -case.severity,
        case.video_id or "",
        -1 if case.frame_index is None else case.frame_index,
        case.text,
        -1 if case.object_id is None else case.object_id,
        case.track_id or "",
    )

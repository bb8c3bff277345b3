"""Chooses the cases that the page shows, and their order."""

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
    """Return at most `most` cases, the worst of every kind first.

    The worst of every kind are chosen, then the second worst, and so on. Severities of different kinds do not compare, so
    every kind has the same share.
    """
    turns = zip_longest(*by_kind(cases).values())
    chosen = [case for case in chain.from_iterable(turns) if case is not None][:most]
    return list(chain.from_iterable(by_kind(chosen).values()))


def by_kind(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Group cases by kind, worst first; kinds in the order of `KINDS`, then of appearance.

    Ties are broken by place, not by chance.
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

"""In which settings some runs differ.

Settings travel as nested mappings, as run.json has them, and are told by their dotted names. What
names a run, where it wrote and how it was asked for is no setting of the tracks.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

ABSENT = "—"  # a setting that a run does not have
_NOT_SETTINGS = (
    "run",
    "run_id",
    "storage.",
    "dataset.examples",
    "evaluation.worst",
    "evaluation.objective",
)

Settings = Mapping[str, Any]  # by dotted name


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings to dotted names.

    >>> flatten({"search": {"cut": 0.5}, "text": None})
    {'search.cut': 0.5, 'text': None}
    """
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def differing(runs: Sequence[Settings]) -> list[str]:
    """The dotted names whose values are not the same in all runs, in the order in which they come."""
    names = dict.fromkeys(name for settings in runs for name in settings)
    return [
        name
        for name in names
        if not _is_ours(name) and any(_value(a, name) != _value(b, name) for a, b in pairwise(runs))
    ]


def shown(settings: Settings, name: str) -> str:
    """A value as it is typed on the command line, or `ABSENT`."""
    if name not in settings:
        return ABSENT
    value = settings[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def short(names: Sequence[str]) -> list[str]:
    """Each name without what it does not need to be told from the others.

    >>> short(["grounder.min_score", "search.min_score", "tracking.chunk_s"])
    ['grounder.min_score', 'search.min_score', 'chunk_s']
    """
    return [_shortest(name, [other for other in names if other != name]) for name in names]


def _shortest(name: str, others: Sequence[str]) -> str:
    parts = name.split(".")
    tails = (".".join(parts[-n:]) for n in range(1, len(parts) + 1))
    return next(
        (tail for tail in tails if not any(f".{other}".endswith(f".{tail}") for other in others)),
        name,
    )


def _is_ours(name: str) -> bool:
    return any(
        name == other or (other.endswith(".") and name.startswith(other)) for other in _NOT_SETTINGS
    )


def _value(settings: Settings, name: str) -> str:
    return shown(settings, name)

"""Checks and translates `search.where`: SQL over the columns of the frames table and over a
manifest's own columns.

A manifest's columns lie in one JSON column; their names are replaced by the call that reads them,
typed as the manifest's values are. So `camera = 'front' and duration_s > 10` runs inside Lance,
before the vector search. Knows SQL's words just well enough to tell a name from a function, a
keyword or a quoted text; Lance checks the rest.
"""

import json
import re
from collections.abc import Iterable, Mapping

from trawl.errors import ConfigError, did_you_mean

COLUMNS = ("video_id", "frame_index", "time_s", "shot", "substituted", "duration_s", "path_parts")
_LOGIC = "and or not in is null like ilike escape between true false case when then else end"
_TYPES = "cast as date interval timestamp double float int bigint string boolean"
_KEYWORDS = frozenset(f"{_LOGIC} {_TYPES}".split())
# A quoted text, a quoted name, a bare name, or any other character.
_TOKEN = re.compile(
    r"""('(?:[^']|'')*')|"((?:[^"]|"")+)"|`([^`]+)`|([^\W\d]\w*)|(\s+|.)""", re.DOTALL
)


def to_sql(where: str, metadata: Mapping[str, str]) -> str:
    """The condition in the words of the frames table.

    Args:
        where: as typed.
        metadata: a manifest's column -> "float", "bool" or "string", from `metadata_types`.

    Raises:
        ConfigError: it names a column that does not exist.

    >>> to_sql("camera = 'front' and duration_s > 10", {"camera": "string"})
    "json_get_string(metadata, 'camera') = 'front' and duration_s > 10"
    """
    tokens = [match.groups() for match in _TOKEN.finditer(where)]
    out = []
    for place, (text, double, back, bare, other) in enumerate(tokens):
        name = double or back or bare
        if name is None:
            out.append(text or other)
        elif bare and (bare.lower() in _KEYWORDS or _opens_call(tokens[place + 1 :])):
            out.append(bare)
        else:
            out.append(_column(name.replace('""', '"'), metadata))
    return "".join(out)


def names_metadata(where: str) -> bool:
    """Whether a condition names a column that the frames table lacks."""
    try:
        to_sql(where, {})
    except ConfigError:
        return True
    return False


def metadata_types(documents: Iterable[str]) -> dict[str, str]:
    """Infer the types of the manifest's columns from the JSON objects of many videos.

    >>> metadata_types(['{"camera": "front", "take": 3}', '{"camera": null, "take": 4.5}'])
    {'camera': 'string', 'take': 'float'}
    """
    seen: dict[str, set[str]] = {}
    for document in set(documents):
        for name, value in json.loads(document).items():
            seen.setdefault(name, set()).update(() if value is None else (_kind(value),))
    return {name: kinds.pop() if len(kinds) == 1 else "string" for name, kinds in seen.items()}


def bad_filter(where: str, reason: object, metadata: Iterable[str] = ()) -> ConfigError:
    """The one line for a condition that Lance cannot run."""
    first = re.sub(r", /.*$", "", " ".join(str(reason).split()))[:200]
    return ConfigError(
        f'search.where="{where}" cannot be read ({first}); columns: {", ".join([*COLUMNS, *metadata])}'
    )


def quoted(text: str) -> str:
    """A SQL text literal.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def _opens_call(rest: list[tuple[str, ...]]) -> bool:
    following = next((groups[4] for groups in rest if not (groups[4] and groups[4].isspace())), "")
    return following == "("


def _column(name: str, metadata: Mapping[str, str]) -> str:
    if name in COLUMNS:
        return name
    if name not in metadata:
        raise ConfigError(
            f"search.where names {name}, which is no column: {did_you_mean(name, [*COLUMNS, *metadata])}"
        )
    return f"json_get_{metadata[name]}(metadata, {quoted(name)})"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    return "float" if isinstance(value, int | float) else "string"

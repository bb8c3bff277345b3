"""A query's answer as files: `results.parquet`, `.json` and `.csv`, the same rows in each.

Columns are `schemas.RESULTS`. Knows nothing of how the answer was found or of pictures; see
`sheet.py` for those.
"""

import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pyarrow as pa

from trawl.draw.spreadsheet import to_csv
from trawl.records.search import Answer, Source
from trawl.schemas import RESULTS
from trawl.storage import Storage

_SLUG_CHARS = 40
_TRIES = 100
FORMATS = ("parquet", "json", "csv")


def to_table(answers: Sequence[Answer], sources: Mapping[str, Source], recipe: str) -> pa.Table:
    """One row per segment, queries in their order, best first within each.

    Args:
        sources: video_id -> where it lies; every video of the answers.
        recipe: the key of the recipe whose table was searched.
    """
    rows = []
    for answer in answers:
        for rank, segment in enumerate(answer.segments, 1):
            source = sources[segment.video_id]
            own = {"query": answer.query, "rank": rank, "recipe": recipe}
            rows.append(
                asdict(segment) | own | {"uri": source.uri, "fingerprint": source.fingerprint}
            )
    return pa.Table.from_pylist(rows, schema=RESULTS)


def write(storage: Storage, folder: str, table: pa.Table, about: Mapping[str, Any]) -> None:
    """Write the three files below `folder`, a name under the storage root.

    Args:
        about: goes to the top of the JSON: which index answered, with which model and settings.

    Raises:
        StorageError: the storage failed.
    """
    for form in FORMATS:
        storage.write_bytes(f"{folder}/results.{form}", to_bytes(table, form, about))


def to_bytes(table: pa.Table, form: str, about: Mapping[str, Any]) -> bytes:
    """The content of one file. form: one of FORMATS; about: goes to the top of the JSON."""
    if form == "json":
        return _json(table, about)
    return {"parquet": _parquet, "csv": _csv}[form](table)


def new_folder(storage: Storage, dataset: str, queries: Sequence[str], now: datetime) -> str:
    """A name under the root that no query has yet: `<dataset>/queries/<time>-<slug>`, taken by this
    call.
    """
    more = f"-and-{len(queries) - 1}-more" if len(queries) > 1 else ""
    stem = f"{dataset}/queries/{now:%Y%m%dT%H%M%SZ}-{slug(queries[0])}{more}"
    for attempt in range(_TRIES):
        folder = stem + (f"-{attempt + 1}" if attempt else "")
        if storage.write_if_absent(f"{folder}/queries.txt", ("\n".join(queries) + "\n").encode()):
            return folder
    raise AssertionError(f"{_TRIES} queries of one name in one second")


def slug(text: str) -> str:
    """A text as part of a path: ASCII letters, digits and dashes, short; a hash where nothing of it
    is left.

    >>> slug("A red star, très vite!"), slug("紅い星")
    ('a-red-star-tres-vite', 'text-44da675a')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    cleaned = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_CHARS].strip("-")
    return cleaned or f"text-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _parquet(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _json(table: pa.Table, about: Mapping[str, Any]) -> bytes:
    return json.dumps(
        {**about, "results": table.to_pylist()}, indent=1, ensure_ascii=False, default=str
    ).encode()


def _csv(table: pa.Table) -> bytes:
    return to_csv(table.column_names, (row.values() for row in table.to_pylist()))

"""The texts of one query job: one on the command line, or a file of many.

A file is read by its suffix: .csv, .parquet and .json want a column or key `text`, anything else is
one text a line. Knows nothing of models or tables.
"""

import csv
import io
import json
from pathlib import PurePosixPath
from typing import Any

from trawl.errors import ConfigError


def read_texts(text: str | None, queries: str | None) -> list[str]:
    """Read the texts to search for, in order, each once.

    Args:
        text: one text, or None.
        queries: path or fsspec URI of a file of texts, or None. Exactly one of the two is given.

    Raises:
        ConfigError: neither or both are given, a text is empty, or the file cannot be read.
    """
    if (text is None) == (queries is None):
        raise ConfigError(
            'say what to look for: either "text=a red star" or queries=file, a text a line'
        )
    found = [text] if text is not None else parse_texts(queries or "", _read(queries or ""))
    texts = list(dict.fromkeys(" ".join(one.split()) for one in found))
    if not texts or not all(texts):
        where = f"queries={queries} holds no text" if queries else "text is empty"
        raise ConfigError(f'{where}: say what to look for, as "text=a red star"')
    return texts


def parse_texts(name: str, data: bytes) -> list[str]:
    """The texts in a file's bytes; the suffix of its name says how it is written.

    Empty lines are left out.

    Raises:
        ConfigError: the file is not what its suffix says, or has no column `text`.
    """
    reader = {".csv": _csv, ".json": _json, ".parquet": _parquet}.get(
        PurePosixPath(name).suffix.lower(), _lines
    )
    try:
        found = [str(one) for one in reader(data) if one is not None]
    except (KeyError, TypeError):
        raise ConfigError(f"queries={name} has no column text") from None
    except (ValueError, csv.Error, OSError) as error:
        raise ConfigError(
            f"queries={name} cannot be read: {' '.join(str(error).split())[:200]}"
        ) from error
    return [one for one in found if one.strip()]


def _read(uri: str) -> bytes:
    import fsspec

    try:
        with fsspec.open(uri, "rb") as file:
            data: bytes = file.read()
    except (OSError, ValueError, ImportError) as error:
        raise ConfigError(
            f"queries={uri} cannot be read: {' '.join(str(error).split())[:200]}"
        ) from error
    return data


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8-sig").splitlines()


def _csv(data: bytes) -> list[Any]:
    return [
        row["text"] for row in csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    ]


def _json(data: bytes) -> list[Any]:
    """A list of texts, or of objects with a key `text`."""
    return [item if isinstance(item, str) else item["text"] for item in json.loads(data)]


def _parquet(data: bytes) -> list[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(data))
    column: list[Any] = table["text"].to_pylist()
    return column

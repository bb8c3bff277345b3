"""Names for what goes into a computation: equal names, equal content."""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trawl.records.tracking import Prompt
from trawl.track.reuse import REUSE_VERSION


def of_array(array: NDArray[Any]) -> str:
    """32 hex digits of shape, type and content."""
    found = hashlib.blake2b(repr((array.shape, array.dtype.str)).encode(), digest_size=16)
    found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def of_texts(*texts: str) -> str:
    """32 hex digits of some texts and their order."""
    return hashlib.blake2b(json.dumps(texts).encode(), digest_size=16).hexdigest()


@cache
def of_code(*parts: str) -> str:
    """12 hex digits of all source below some parts of the package, such as "track" or "masks.py"."""
    package = Path(str(resources.files("trawl")))
    found = hashlib.sha256()
    for part in parts:
        files = (
            sorted((package / part).rglob("*.py"))
            if (package / part).is_dir()
            else [package / part]
        )
        for file in files:
            found.update(f"{file.relative_to(package)}\n".encode() + file.read_bytes())
    return found.hexdigest()[:12]


def of_settings(*parts: Any) -> str:
    """12 hex digits of plain JSON values and of this version of the files."""
    text = json.dumps([REUSE_VERSION, *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def of_prompts(prompts: Sequence[Prompt]) -> str:
    """32 hex digits of all prompts of one object, whatever its number."""
    return of_texts(*(text for prompt in prompts for text in _told(prompt)))


def _told(prompt: Prompt) -> list[str]:
    parts = (prompt.box, prompt.points, prompt.labels, prompt.mask)
    return [str(prompt.position), *("" if part is None else of_array(part) for part in parts)]

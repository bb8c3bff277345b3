"""What a run said of itself: its `run.json`."""

import json
from pathlib import Path
from typing import Any

from tests.chaos.job import DATASET


def record(root: str) -> dict[str, Any]:
    """Of the newest run below a local root; runs sort by time."""
    newest = max(
        Path(root, DATASET, "runs").glob("*/run.json"), key=lambda path: path.stat().st_mtime
    )
    found: dict[str, Any] = json.loads(newest.read_text())
    return found

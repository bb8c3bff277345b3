"""Finds the records that earlier runs left in the storage."""

import json
from collections.abc import Iterator
from typing import Any

from trawl.storage import Storage

_RUNS = 200  # that are looked through for useful ones


def earlier_runs(storage: Storage, dataset: str) -> Iterator[dict[str, Any]]:
    """run.json of the dataset's index runs, the latest first."""
    for run_id in storage.folders(f"{dataset}/runs")[::-1][:_RUNS]:
        name = f"{dataset}/runs/{run_id}/run.json"
        if storage.exists(name):
            record = json.loads(storage.read_bytes(name))
            if record.get("job") == "index":
                yield record

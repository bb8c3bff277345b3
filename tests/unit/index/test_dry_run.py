"""Which runs an estimate, or a price, can rest on."""

import json

from trawl.runtime.run_file import earlier_index_runs
from trawl.storage import Storage


def test_the_index_runs_that_came_to_an_end_the_latest_first(storage: Storage) -> None:
    assert list(earlier_index_runs(storage, "cats")) == []
    jobs = {
        "20260101T000000Z-a": "index",
        "20260102T000000Z-b": "track",
        "20260103T000000Z-c": "index",
    }
    for run_id, job in jobs.items():
        storage.write_bytes(
            f"cats/runs/{run_id}/run.json", json.dumps({"job": job, "run_id": run_id}).encode()
        )
    storage.write_bytes("cats/runs/20260104T000000Z-d/plan.json", b"{}")
    assert [run.run_id for run in earlier_index_runs(storage, "cats")] == [
        "20260103T000000Z-c",
        "20260101T000000Z-a",
    ]

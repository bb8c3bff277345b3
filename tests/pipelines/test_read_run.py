"""Ray Data reads a run's parts, through the filesystem that `read_run` hands out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tracked import LINEAGE, RUN, clip, row, square, track

from trawl.config.data import StorageConfig
from trawl.storage import Storage
from trawl.track import tables as write

SIZE = (24, 32)
# In a process of its own, as a user's script is: Ray Data waits for ever for CPUs that actors of
# other tests hold, and has been seen to hang in a process that had run hundreds of tests.
READER = """
import json, sys
import ray
from trawl.config.data import StorageConfig
from trawl.storage import Storage
from trawl.track import tables

ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
masks, tracks = tables.read_run(Storage.open(StorageConfig(root=sys.argv[1])), "demo", sys.argv[2])
good = (
    ray.data.read_parquet(masks.files, filesystem=masks.filesystem)
    .filter(expr="score > 0.65")
    .take_all()
)
count = ray.data.read_parquet(tracks.files, filesystem=tracks.filesystem).count()
print(json.dumps([sorted((r["track_id"], r["frame_index"]) for r in good), count]))
"""


@pytest.mark.ray
def test_ray_data_reads_masks_and_tracks(tmp_path: Path) -> None:
    storage = Storage.open(StorageConfig(root=str(tmp_path)))
    for n in range(3):
        rows = [row(k, square(SIZE, k, 2, 8), 0.5 + k / 10) for k in range(4)]
        write.write_clip(
            storage, "demo", RUN, clip(f"c{n}"), [track(0, rows, SIZE)] if n else [], LINEAGE
        )
    command = [sys.executable, "-c", READER, str(tmp_path), RUN]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    good, count = json.loads(result.stdout.splitlines()[-1])
    assert good == [["c1-0", 2], ["c1-0", 3], ["c2-0", 2], ["c2-0", 3]]
    assert count == 2

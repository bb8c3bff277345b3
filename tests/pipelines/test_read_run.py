"""Ray Data reads a run's parts, through the filesystem that `read_run` hands out."""

from pathlib import Path

import pytest
from tracked import LINEAGE, RUN, clip, row, square, track
from warm_actors import WarmActors

from trawl.config.data import StorageConfig
from trawl.storage import Storage
from trawl.track import tables as write

SIZE = (24, 32)


@pytest.mark.ray
def test_ray_data_reads_masks_and_tracks(local_ray: WarmActors, tmp_path: Path) -> None:
    import ray.data

    local_ray.clear()  # Ray Data waits for ever for CPUs that idle actors hold

    storage = Storage.open(StorageConfig(root=str(tmp_path)))
    for n in range(3):
        rows = [row(k, square(SIZE, k, 2, 8), 0.5 + k / 10) for k in range(4)]
        write.write_clip(
            storage, "demo", RUN, clip(f"c{n}"), [track(0, rows, SIZE)] if n else [], LINEAGE
        )
    masks, tracks = write.read_run(storage, "demo", RUN)
    good = (
        ray.data.read_parquet(masks.files, filesystem=masks.filesystem)
        .filter(expr="score > 0.65")
        .take_all()
    )
    assert sorted((r["track_id"], r["frame_index"]) for r in good) == [
        ("c1-0", 2),
        ("c1-0", 3),
        ("c2-0", 2),
        ("c2-0", 3),
    ]
    assert ray.data.read_parquet(tracks.files, filesystem=tracks.filesystem).count() == 2

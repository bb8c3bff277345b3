"""Old files go, then the oldest while there are too many bytes; nothing else of the dataset is touched."""

import os
import time
from pathlib import Path

import pytest

from trawl.config.data import StorageConfig
from trawl.config.steps import CacheConfig
from trawl.storage import Storage
from trawl.track.reuse.clean import clean


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Files of 1, 2 and 3 days, 1 kB each, and a run's that is a year old."""
    for name, days in (
        ("cache/seen/a/1.parquet", 1),
        ("cache/followed/b/2.json", 2),
        ("cache/seen/c/3.parquet", 3),
        ("runs/r/tracks/x", 365),
    ):
        path = tmp_path / "demo" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(1000))
        os.utime(path, (time.time() - days * 86_400,) * 2)
    return tmp_path


@pytest.mark.parametrize(
    ("config", "left"),
    [
        (CacheConfig(), ["1", "2", "3"]),
        (CacheConfig(max_age_d=2.5), ["1", "2"]),
        (CacheConfig(max_gb=2e-6), ["1", "2"]),
        (CacheConfig(max_gb=1.9e-6), ["1"]),
        (CacheConfig(max_gb=0), []),
    ],
)
def test_what_stays(root: Path, config: CacheConfig, left: list[str]) -> None:
    removed = clean(Storage.open(StorageConfig(root=str(root))), "demo", config)
    files = [path for path in (root / "demo" / "cache").rglob("*") if path.is_file()]
    assert sorted(path.stem for path in files) == left
    assert removed == 3 - len(left)
    assert (root / "demo/runs/r/tracks/x").exists()


def test_nothing_to_clean(tmp_path: Path) -> None:
    assert clean(Storage.open(StorageConfig(root=str(tmp_path))), "demo", CacheConfig()) == 0

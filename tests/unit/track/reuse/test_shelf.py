"""What is put is there for the next one; what cannot be read is as good as nothing."""

import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trawl.config.data import StorageConfig
from trawl.config.steps import CacheConfig
from trawl.schemas import DETECTED, SEEN
from trawl.storage import Storage
from trawl.track.reuse import shelf as module
from trawl.track.reuse.shelf import Shelf, clean

NAME = "demo/cache/seen/abc/def.parquet"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.open(StorageConfig(root=str(tmp_path)))


def filled(storage: Storage) -> Shelf:
    one = Shelf(storage, NAME, SEEN)
    one.put("k", cpu_s=0.5, embedding=[0.1, 0.2])
    one.save()
    return one


def test_the_next_one_finds_it(storage: Storage) -> None:
    filled(storage)
    again = Shelf(storage, NAME, SEEN)
    row = again.get("k")
    assert row is not None and row["cpu_s"] == 0.5
    assert again.get("other") is None
    again.put("other", cpu_s=0.0, embedding=[])
    again.save()
    assert Shelf(storage, NAME, SEEN).get("k") is not None


def test_nothing_new_writes_nothing(storage: Storage, tmp_path: Path) -> None:
    empty = Shelf(storage, NAME, SEEN)
    assert empty.get("k") is None
    empty.save()
    assert not (tmp_path / NAME).exists()
    filled(storage)
    before = (tmp_path / NAME).stat().st_mtime_ns
    again = Shelf(storage, NAME, SEEN)
    again.get("k")
    again.save()
    assert (tmp_path / NAME).stat().st_mtime_ns == before


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1 but no more PAR1", "half"])
def test_a_damaged_file_is_nothing_and_is_replaced(
    content: bytes | str, storage: Storage, tmp_path: Path
) -> None:
    filled(storage)
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:-20] if isinstance(content, str) else content)
    assert Shelf(storage, NAME, SEEN).get("k") is None
    filled(storage)
    assert Shelf(storage, NAME, SEEN).get("k") is not None


def test_a_foreign_file_is_nothing(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(storage)
    assert Shelf(storage, NAME, DETECTED).get("k") is None
    monkeypatch.setattr(module, "REUSE_VERSION", 99)
    assert Shelf(storage, NAME, SEEN).get("k") is None
    pq.write_table(pa.table({"key": ["k"], "cpu_s": [1.0], "embedding": [[1.0]]}), tmp_path / NAME)
    assert Shelf(storage, NAME, SEEN).get("k") is None


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

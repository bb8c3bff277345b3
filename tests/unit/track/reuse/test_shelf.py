"""What is put is there for the next one; what cannot be read is as good as nothing."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trawl.config.data import StorageConfig
from trawl.schemas import DETECTED, SEEN
from trawl.storage import Storage
from trawl.track.reuse import shelf as module
from trawl.track.reuse.shelf import Shelf

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
def test_a_damaged_file_is_nothing_and_is_replaced(content: bytes | str, storage: Storage, tmp_path: Path) -> None:
    filled(storage)
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:-20] if isinstance(content, str) else content)
    assert Shelf(storage, NAME, SEEN).get("k") is None
    filled(storage)
    assert Shelf(storage, NAME, SEEN).get("k") is not None


def test_a_foreign_file_is_nothing(storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(storage)
    assert Shelf(storage, NAME, DETECTED).get("k") is None
    monkeypatch.setattr(module, "REUSE_VERSION", 99)
    assert Shelf(storage, NAME, SEEN).get("k") is None
    pq.write_table(pa.table({"key": ["k"], "cpu_s": [1.0], "embedding": [[1.0]]}), tmp_path / NAME)
    assert Shelf(storage, NAME, SEEN).get("k") is None

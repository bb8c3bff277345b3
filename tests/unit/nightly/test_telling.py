"""A night tells what it came to, however it ended."""

import json
from pathlib import Path

import pytest

from trawl.config.data import PricesConfig, StorageConfig
from trawl.errors import LeaseError, StorageError
from trawl.nightly.record import NightRecord
from trawl.nightly.standing import Night
from trawl.nightly.telling import telling
from trawl.storage import Storage

PRICES = PricesConfig(cpu_h=2.0, gpu_h=10.0)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.open(StorageConfig(root=str(tmp_path)))


def text(storage: Storage, night: NightRecord, name: str) -> str:
    return storage.read_bytes(f"{night.folder}/{name}").decode()


def test_a_good_night_beside_an_earlier_one_and_one_that_was_killed(storage: Storage) -> None:
    with telling(NightRecord("cams", "20261119T0200"), storage, PRICES):
        pass
    storage.write_bytes("cams/nights/20261120T0200/log.jsonl", b"")
    run = {"cpu_s": {"decode": 1800.0}, "gpus": 0.5, "seconds": {"work": 3600.0}}
    storage.write_bytes("cams/runs/r-red/run.json", json.dumps(run).encode())
    storage.write_bytes("cams/runs/r-red/report/index.html", b"")
    night = NightRecord("cams", "20261121T0200")
    with telling(night, storage, PRICES):
        night.standing["red"] = [
            Night("20261121T0200", "r-red", True, 3, {"clips": 4, "tracks": 2, "masks": 9}, 1)
        ]
    page = text(storage, night, "index.html")
    assert ">All well</h1>" in page and "The last 2 nights" in page
    assert 'href="../../runs/r-red/report/index.html"' in page
    assert "<dd>6.00 <small>USD</small></dd>" in page  # half a CPU hour and half a GPU hour
    assert json.loads(text(storage, night, "night.json"))["exit_code"] == 0
    assert storage.read_bytes("cams/nights/latest.prom").decode() == text(
        storage, night, "metrics.prom"
    )


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (LeaseError("taken over by ann"), 4, "taken over by ann"),
        (KeyboardInterrupt(), 130, "it was interrupted"),
        (KeyError("x"), 1, "KeyError: &#39;x&#39;; log.jsonl has the traceback"),
        (RuntimeError("It is over."), 1, "RuntimeError: It is over; log.jsonl has the traceback"),
    ],
)
def test_a_night_that_dies_says_of_what(
    storage: Storage, error: BaseException, code: int, told: str
) -> None:
    night = NightRecord("cams", "20261121T0200")
    with pytest.raises(type(error)), telling(night, storage, PRICES):
        raise error
    page = text(storage, night, "index.html")
    assert ">Somebody has to look</h1>" in page and told in page
    assert night.exit_code == json.loads(text(storage, night, "night.json"))["exit_code"] == code
    assert f'trawl_night_exit_code{{dataset="cams"}} {code}.0' in text(
        storage, night, "metrics.prom"
    )


def test_a_storage_that_is_away_does_not_hide_what_ended_the_night(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Storage, name: str, data: bytes) -> None:
        raise StorageError("away")

    monkeypatch.setattr(Storage, "write_bytes", away)
    night = NightRecord("cams", "20261121T0200")
    with pytest.raises(LeaseError), telling(night, storage, PRICES):
        raise LeaseError("taken over")
    with pytest.raises(StorageError, match="away"), telling(NightRecord("cams"), storage, PRICES):
        pass

"""Finding a file at the hub: the cache first, then one short question, and an error a person can
act on.
"""

import time
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from trawl.errors import WeightsError
from trawl.models import hub


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    # nothing listens on the discard port
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    return tmp_path


def find() -> Path:
    return hub.find(
        "owner/name", ["a.safetensors", "b.bin"], "weights x of Y", "set embedder.weights=/path"
    )


def test_unreachable_hub_is_one_line_and_quick() -> None:
    start = time.perf_counter()
    with pytest.raises(WeightsError) as caught:
        find()
    assert time.perf_counter() - start < 10
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "weights x of Y",
        "a.safetensors",
        "http://127.0.0.1:9/owner/name",
        "embedder.weights=/path",
    ):
        assert part in message


def test_offline_mode_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "_unreachable", lambda endpoint: pytest.fail("the network was asked"))
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE"):
        find()


@pytest.mark.parametrize("name", ["a.safetensors", "b.bin"])
def test_a_cached_file_is_used_without_network(
    name: str, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = empty_cache / name
    file.write_bytes(b"x")
    monkeypatch.setattr(hub, "_unreachable", lambda endpoint: pytest.fail("the network was asked"))
    monkeypatch.setattr(
        huggingface_hub,
        "try_to_load_from_cache",
        lambda repo, wanted: str(file) if wanted == name else None,
    )
    assert find() == file

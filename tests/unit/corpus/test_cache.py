"""Copies of remote videos: shared, whole, bounded, and never stale, whoever dies."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest

from trawl.corpus.cache import VideoCache
from trawl.errors import StorageError


class Source:
    """Fills with `size` bytes of its own and counts how often it is asked."""

    def __init__(self, size: int = 100, chunk: int = 50, wait_s: float = 0.0) -> None:
        self.size, self.chunk, self.wait_s, self.asked = size, chunk, wait_s, 0

    def __call__(self, target: BinaryIO, tick: Callable[[], None]) -> None:
        self.asked += 1
        for start in range(0, self.size, self.chunk):
            target.write(bytes(min(self.chunk, self.size - start)))
            target.flush()
            time.sleep(self.wait_s)
            tick()


def names(scratch: Path) -> list[str]:
    return sorted(path.name for path in scratch.glob("*/*"))


def stored(scratch: Path) -> int:
    return sum(path.stat().st_size for path in scratch.glob("*/*"))


def test_one_download_for_many_uses(tmp_path: Path) -> None:
    source = Source()
    for _ in range(3):
        with VideoCache(tmp_path, 1000).hold("s3://b/a.mp4", "1", ".mp4", source) as path:
            assert path.suffix == ".mp4" and path.stat().st_size == 100
    assert source.asked == 1


def test_one_download_for_many_at_once(tmp_path: Path) -> None:
    source = Source(wait_s=0.1)

    def use(_: int) -> int:
        with VideoCache(tmp_path, 1000).hold("s3://b/a.mp4", "1", "", source) as path:
            return path.stat().st_size

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(4))) == [100] * 4
    assert source.asked == 1 and len(names(tmp_path)) == 1


def test_other_bytes_are_another_copy(tmp_path: Path) -> None:
    cache = VideoCache(tmp_path, 1000)
    with cache.hold("u", "1", "", Source(10)) as old, cache.hold("u", "2", "", Source(20)) as new:
        assert (old.stat().st_size, new.stat().st_size) == (10, 20)


def test_the_longest_unused_goes_first(tmp_path: Path) -> None:
    cache, sources = VideoCache(tmp_path, 250), {name: Source() for name in "abc"}
    for name in "abac":  # a is used again, so b is the one to go
        with cache.hold(name, "1", "", sources[name]):
            time.sleep(0.02)
        assert stored(tmp_path) <= 250
    for name in "ac":
        with cache.hold(name, "1", "", sources[name]):
            pass
    assert {name: source.asked for name, source in sources.items()} == {"a": 1, "b": 1, "c": 1}
    with cache.hold("b", "1", "", sources["b"]):
        pass
    assert sources["b"].asked == 2


def test_what_is_in_use_stays_and_goes_afterwards(tmp_path: Path) -> None:
    cache = VideoCache(tmp_path, 150)
    with cache.hold("a", "1", "", Source()) as first, cache.hold("b", "1", "", Source()) as second:
        cache.clear()
        assert first.exists() and second.exists() and stored(tmp_path) == 200
    assert stored(tmp_path) <= 150


def test_a_copy_larger_than_the_limit_lives_as_long_as_its_use(tmp_path: Path) -> None:
    with VideoCache(tmp_path, 10).hold("a", "1", "", Source()) as path:
        assert path.stat().st_size == 100
    assert names(tmp_path) == []


def test_room_is_made_while_a_copy_grows(tmp_path: Path) -> None:
    cache, seen = VideoCache(tmp_path, 300), []
    for name in "abc":
        with cache.hold(name, "1", "", Source()):
            pass

    def fill(target: BinaryIO, tick: Callable[[], None]) -> None:
        for _ in range(5):
            target.write(bytes(50))
            target.flush()
            tick()
            seen.append(stored(tmp_path))

    with cache.hold("d", "1", "", fill):
        assert max(seen) <= 300


def test_a_download_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fill(target: BinaryIO, tick: Callable[[], None]) -> None:
        target.write(b"half")
        raise KeyError

    cache = VideoCache(tmp_path, 1000)
    with pytest.raises(KeyError), cache.hold("a", "1", "", fill):
        pass
    assert names(tmp_path) == []
    with cache.hold("a", "1", "", Source()) as path:
        assert path.stat().st_size == 100


def test_a_full_disk_is_emptied_of_what_nobody_uses_and_tried_once_more(tmp_path: Path) -> None:
    cache, attempts = VideoCache(tmp_path, 1000), []
    with cache.hold("unused", "1", "", Source()):
        pass
    with cache.hold("used", "1", "", Source(7)):

        def fill(target: BinaryIO, tick: Callable[[], None]) -> None:
            attempts.append(stored(tmp_path))
            target.write(b"0123")
            if len(attempts) == 1:
                raise OSError(errno.ENOSPC, "No space left on device")

        with cache.hold("new", "1", "", fill) as path:
            assert path.read_bytes() == b"0123"
        assert attempts == [107, 7]

        def never(target: BinaryIO, tick: Callable[[], None]) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.raises(OSError, match="No space left"), cache.hold("x", "1", "", never):
            pass


def test_clearing_removes_the_folder(tmp_path: Path) -> None:
    cache = VideoCache(tmp_path, 1000)
    cache.clear()
    with cache.hold("a", "1", "", Source()):
        pass
    cache.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"trawl-videos-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with (
        pytest.raises(StorageError, match=r"resources\.scratch"),
        VideoCache(tmp_path, 9).hold("a", "1", "", Source()),
    ):
        pass
    assert list((tmp_path / "elsewhere").iterdir()) == []


_USER = """
import sys, time
from pathlib import Path
from trawl.corpus.cache import VideoCache
def fill(target, tick):
    target.write(bytes(100)); target.flush()
    print("half", flush=True)
    if sys.argv[2] == "downloading":
        time.sleep(60)
with VideoCache(Path(sys.argv[1]), 1000).hold("a", "1", "", fill):
    print("whole", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("state", ["downloading", "using"])
def test_a_killed_process_holds_nothing_any_more(state: str, tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", _USER, str(tmp_path), state], stdout=subprocess.PIPE, text=True
    )
    for _ in range(1 + (state == "using")):
        other.stdout.readline()
    cache = VideoCache(tmp_path, 1000)
    cache.clear()
    assert stored(tmp_path) == 100, "another process's copy is in use"
    waiting = threading.Thread(target=lambda: cache.hold("a", "1", "", source).__enter__())
    source = Source()
    waiting.start()
    other.send_signal(signal.SIGKILL)
    other.wait()
    waiting.join(10)
    assert source.asked == (state == "downloading"), "a whole copy is taken over, half a one is not"


def test_many_processes_in_a_small_cache_read_whole_copies(tmp_path: Path) -> None:
    code = """
import random, sys
from pathlib import Path
from trawl.corpus.cache import VideoCache
cache, asked = VideoCache(Path(sys.argv[1]), 5000), random.Random(int(sys.argv[2]))
for _ in range(150):
    n = asked.randrange(8)
    def fill(target, tick):
        for _ in range(4):
            target.write(bytes([n]) * 250)
            tick()
    with cache.hold(str(n), "1", "", fill) as path:
        assert path.read_bytes() == bytes([n]) * 1000
        assert path.read_bytes() == bytes([n]) * 1000
    if asked.random() < 0.1:
        cache.clear()
"""
    others = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(seed)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(3)
    ]
    assert [(other.communicate()[1], other.returncode) for other in others] == [("", 0)] * 3
    assert stored(tmp_path) <= 5000
    VideoCache(tmp_path, 0).clear()
    assert list(tmp_path.iterdir()) == []

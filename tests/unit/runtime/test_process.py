"""Freed memory, given back. In a process of its own: the heap of a test run has a history."""

import subprocess
import sys

import pytest

from trawl.runtime import process as heap

_FREED = """
import os, sys
from trawl.runtime.process import give_back
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
blocks = [bytearray(3000) for _ in range(60_000)]  # 170 MiB, too small to be mapped one by one
last = bytearray(3000)  # keeps the heap's end where it is
del blocks
before = resident()
give_back()
print(before - resident())
"""


def test_what_was_freed_in_between_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FREED], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) > 100


def test_another_c_library_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_malloc_trim", lambda: None)
    heap.give_back()

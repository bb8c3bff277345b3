"""Gives memory that was freed back to the system.

glibc keeps freed blocks that lie between others for the next allocation. A long clip frees many of
all sizes, and what it leaves unused grows with its length.
https://man7.org/linux/man-pages/man3/malloc_trim.3.html
"""

import ctypes
import importlib
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.machinery import ModuleSpec


def give_back() -> None:
    """A few milliseconds. Does nothing where the C library is not glibc."""
    if (trim := _malloc_trim()) is not None:
        trim(0)


@cache
def _malloc_trim() -> "ctypes._NamedFuncPointer | None":
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def peak_mb() -> float:
    """The highest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts KiB


def import_lance() -> None:
    """After this, `import lance` costs nothing."""
    with without_pandas():
        importlib.import_module("lance")


class _NotFound:
    """A finder that says of pandas that there is none."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError("left out while Lance is imported", name=name)
        return None


@contextmanager
def without_pandas() -> Iterator[None]:
    """Inside, there is no pandas to be imported, unless it is imported already."""
    if "pandas" in sys.modules:
        yield
        return
    finder = _NotFound()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)

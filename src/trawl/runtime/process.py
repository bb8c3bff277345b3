"""Gives memory that was freed back to the system.

glibc keeps freed blocks that lie between others for the next allocation. A long clip frees many of all sizes, and what it
leaves unused grows with its length. https://man7.org/linux/man-pages/man3/malloc_trim.3.html
"""

import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

import ctypes
from functools import cache


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

"""Trawl: find and follow anything you can name, across a corpus of videos.

`trawl.open(root, dataset)` opens a published index from Python; see `trawl.api`. Nothing is
imported before it is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trawl.api import Hit, Hits, Index, Run, Track, open

__version__ = "0.1.0"
__all__ = ["Hit", "Hits", "Index", "Run", "Track", "__version__", "open"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from trawl import api

        return getattr(api, name)
    raise AttributeError(f"module 'trawl' has no attribute {name!r}")

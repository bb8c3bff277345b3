"""Import Lance without pandas, which pyarrow looks for meanwhile and which costs a query a second of its start.

pyarrow asks once whether there is pandas, when the first scalar is made, and asks again when someone wants a data frame. So
hiding pandas during the import takes nothing away: `to_pandas()` works afterwards as ever.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec


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

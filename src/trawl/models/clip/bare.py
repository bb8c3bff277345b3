"""Single files of open_clip, run without its `__init__`, which imports torch, torchvision and timm:
five seconds and more.

open_clip's table of pretrained weights and its tokenizer are plain Python that imports torch only
in passing. Each is loaded under a bare parent package, with placeholders for what it does not need.
Traded away: a release of open_clip that moves these files breaks this one; the tests compare with
open_clip itself.
"""

import importlib.util
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_PARENT = "_trawl_open_clip"


@cache
def folder() -> Path:
    """Return the folder where open_clip is installed."""
    spec = importlib.util.find_spec("open_clip")
    assert spec is not None and spec.origin is not None, (
        "open_clip_torch is a dependency of this package"
    )
    return Path(spec.origin).parent


@cache
def pretrained() -> Any:
    """`open_clip.pretrained`, without its optional `safetensors.torch`."""
    return _load("pretrained", {"safetensors.torch": None})


@cache
def tokenizer() -> Any:
    """`open_clip.tokenizer`; of its classes only what returns plain lists works, such as
    `SimpleTokenizer.encode`.
    """
    return _load("tokenizer", {"torch": _Anything("torch")})


class _Anything(types.ModuleType):
    """Stands for a module of which only names in annotations are used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return object


def _load(name: str, instead: dict[str, types.ModuleType | None]) -> Any:
    parent = types.ModuleType(_PARENT)
    parent.__path__ = [str(folder())]
    sys.modules.setdefault(_PARENT, parent)
    spec = importlib.util.find_spec(f"{_PARENT}.{name}")
    assert spec is not None and spec.loader is not None, (
        f"open_clip keeps {name}.py beside its __init__"
    )
    module = importlib.util.module_from_spec(spec)
    with _placeholders(instead):
        spec.loader.exec_module(module)
    return module


@contextmanager
def _placeholders(instead: dict[str, types.ModuleType | None]) -> Iterator[None]:
    """These modules, unless the real ones are loaded already.

    None is Python's mark of a module not to be found.
    """
    missing = {name: module for name, module in instead.items() if name not in sys.modules}
    sys.modules.update(missing)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]

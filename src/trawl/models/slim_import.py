"""Import open_clip in about 1.5 s after torch instead of 5.7 s.

3.5 s of it is torch's compiler, `torch._dynamo`, which torchvision pulls in for one helper of one operator that
nobody here calls; 1.2 s is timm's zoo, which open_clip treats as optional. While open_clip is imported, a placeholder
stands for the compiler, and timm is left out unless the model's image tower is one of timm's. Afterwards both import
as ever. Traded away: five functions that timm marks as not to be compiled lose the mark, so `torch.compile` over a
timm model may trace more than it should. Nothing here compiles models.
"""

import importlib
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_COMPILER = ("torch._dynamo", "torch._dynamo.utils")
_lock = threading.Lock()


def open_clip(needs_timm: bool) -> Any:
    """The module `open_clip`, able to build timm's image towers if asked."""
    with _lock, _without_compiler():
        with _hidden(() if needs_timm or "timm" in sys.modules else ("timm",)):
            module = importlib.import_module("open_clip")
        if needs_timm:
            tower = importlib.import_module("open_clip.timm_model")
            if tower.timm is None:  # an earlier model did without: run the file again, now with timm
                importlib.reload(tower)
    return module


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Placeholders for the compiler, unless it is loaded already."""
    import torch  # noqa: F401  (first, so that torch itself never meets the placeholder)

    if "torch._dynamo" in sys.modules:
        yield
        return
    compiler, helpers = _placeholders()
    sys.modules.update(zip(_COMPILER, (compiler, helpers), strict=True))
    try:
        yield
    finally:
        for name in _COMPILER:
            del sys.modules[name]


def _placeholders() -> tuple[types.ModuleType, types.ModuleType]:
    """What torchvision and timm take from the compiler while they are imported, and no more."""
    compiler, helpers = (types.ModuleType(name) for name in _COMPILER)
    compiler.__path__ = []
    vars(compiler).update(utils=helpers, disable=_disable)
    vars(helpers).update(is_compile_supported=_is_compile_supported)
    return compiler, helpers


def _disable(function: Callable[..., Any] | None = None, *_: Any, **__: Any) -> Any:
    return function if function is not None else lambda decorated: decorated


def _is_compile_supported(device_type: str) -> bool:
    """Torchvision keeps this name for when its operator is called: by then the real one can answer."""
    helpers = importlib.import_module("torch._dynamo.utils")
    return bool(helpers.is_compile_supported(device_type))


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """`import name` raises ImportError inside."""
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]  # None is Python's mark of a module not to be found
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]

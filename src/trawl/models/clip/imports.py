"""Import open_clip in about 1.5 s after torch instead of 5.7 s, or of ten where transformers is
installed.

3.5 s of it is torch's compiler, `torch._dynamo`, which torchvision pulls in for one helper of one
operator that nobody here calls; 1.2 s is timm's zoo and 4 s transformers, both of which open_clip
treats as optional. While open_clip is imported, a placeholder stands for the compiler, timm is left
out unless the model's image tower is one of timm's, and transformers unless its text tower is one
of theirs (a tokenizer of theirs is imported only when it is made). Afterwards all import as ever.
Traded away: five functions that timm marks as not to be compiled lose the mark, so `torch.compile`
over a timm model may trace more than it should; `embedder.compile` does that where it is asked for.
"""

import importlib
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_COMPILER = ("torch._dynamo", "torch._dynamo.utils")
_lock = threading.Lock()


def open_clip(needs_timm: bool, needs_transformers: bool = False) -> Any:
    """The module `open_clip`, able to build timm's image towers and transformers' text towers if
    asked.
    """
    unneeded = [] if needs_timm else ["timm"]
    with _lock:
        with _without_compiler():
            with _hidden([name for name in (*unneeded, "transformers") if name not in sys.modules]):
                module = importlib.import_module("open_clip")
            if needs_timm:
                _complete("timm_model", "timm")
        if needs_transformers:  # with the real compiler, which transformers looks at
            _complete("hf_model", "transformers")
    return module


def _complete(file: str, package: str) -> None:
    """Run a file of open_clip again, now with its optional package, if an earlier model did
    without.
    """
    module = importlib.import_module(f"open_clip.{file}")
    if getattr(module, package) is None:
        importlib.reload(module)


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
    """Provide what torchvision and timm take from the compiler at import, and no more."""
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
def _hidden(names: Sequence[str]) -> Iterator[None]:
    """`import name` raises ImportError inside."""
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]  # None is Python's mark of a module not to be found
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]

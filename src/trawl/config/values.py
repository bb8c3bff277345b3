"""Reads the values of settings from `conf/`, their one source.

A settings dataclass says types and ranges. A field made by `setting()` without a default takes its
value from the YAML file that `values_of` names, so `DecodeConfig()` in Python and `jobs.index` on
the command line agree. Files are read when the first value is needed, not at import.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

C = TypeVar("C")


def conf_folder() -> Path:
    """Return the folder `conf/`, beside the package of jobs."""
    return Path(str(resources.files("jobs"))).parent / "conf"


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping; anything else reads as empty."""
    import yaml

    content = yaml.safe_load(path.read_text())
    return content if isinstance(content, dict) else {}


class YamlValue:
    """Default factory of a field whose value stands in YAML; `values_of` says where."""

    def __init__(self) -> None:
        self._section: Callable[[], dict[str, Any]] | None = None
        self._name, self._type = "", None

    def bind(self, name: str, type_: Any, section: Callable[[], dict[str, Any]]) -> None:
        self._name, self._type, self._section = name, type_, section

    def __call__(self) -> Any:
        assert self._section is not None, "the dataclass lacks @values_of"
        value = deepcopy(self._section()[self._name])
        is_float = self._type in (float, float | None) and value is not None
        return float(value) if is_float else value


def values_of(*files: str, section: str = "") -> Callable[[type[C]], type[C]]:
    """Class decorator: take the values of fields without a default from `conf/`.

    Args:
        files: below `conf/`; the first that names a field gives its value.
        section: dotted path of the mapping inside these files, "" for the whole file.
    """

    def bind(config_type: type[C]) -> type[C]:
        for item in fields(config_type):  # type: ignore[arg-type]
            if isinstance(item.default_factory, YamlValue) and item.name in vars(config_type).get(
                "__annotations__", {}
            ):
                item.default_factory.bind(item.name, item.type, lambda: _read(files, section))
        return config_type

    return bind


@cache
def _read(files: tuple[str, ...], section: str) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for name in files:
        values = read_yaml(conf_folder() / name)
        for key in section.split(".") if section else ():
            values = values[key]
        merged = values | merged
    return merged

"""Checks that a type cannot express: choices, ranges and values that are missing."""

from collections.abc import Iterator
from dataclasses import field, fields, is_dataclass
from typing import Any

from trawl.config.values import YamlValue
from trawl.errors import ConfigError, did_you_mean

MISSING: Any = "???"  # OmegaConf's mark of a value that the user or the YAML must give


PRECISIONS = ("auto", "bf16", "fp16", "fp32", "int8")  # see `models/precision.py`


def setting(
    default: Any = ...,
    *,
    choices: tuple[str, ...] = (),
    at_least: float | None = None,
    above: float | None = None,
) -> Any:
    """Make a dataclass field with the values it may take.

    `None` always passes where the type allows it. A field without `default` takes its value from
    the YAML file that the class names by `values_of`.
    """
    metadata = {"choices": choices, "at_least": at_least, "above": above}
    if default is ...:
        return field(default_factory=YamlValue(), metadata=metadata)
    return field(default=default, metadata=metadata)


def validate(config: Any) -> None:
    """Check choices and ranges of a settings dataclass and of all inside it.

    Raises:
        ConfigError: naming the first setting that is missing or outside of what it may be.
    """
    for name, value, rules in _leaves(config, ""):
        if value == MISSING:
            raise ConfigError(f"{name} has no value: give one as {name}=...")
        if value is None:
            continue
        if (choices := rules.get("choices")) and value not in choices:
            raise ConfigError(f"{name}={value} is not known: {did_you_mean(str(value), choices)}")
        if (low := rules.get("at_least")) is not None and value < low:
            raise ConfigError(f"{name}={value} is too small: it must be at least {low}")
        if (low := rules.get("above")) is not None and value <= low:
            raise ConfigError(f"{name}={value} is too small: it must be above {low}")


def _leaves(config: Any, prefix: str) -> Iterator[tuple[str, Any, Any]]:
    for item in fields(config):
        value, name = getattr(config, item.name), prefix + item.name
        if is_dataclass(value):
            yield from _leaves(value, name + ".")
        else:
            yield name, value, item.metadata

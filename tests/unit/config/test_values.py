"""Each setting has one source: YAML holds values, the dataclasses types and ranges."""

from collections.abc import Iterator
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import Field, dataclass, fields, is_dataclass
from typing import Any

import pytest

from trawl.config import checks, data, models
from trawl.config.choices import JOBS
from trawl.config.values import YamlValue, conf_folder, read_yaml, values_of

GROUPS: dict[str, type[Any]] = {
    "dataset": data.DatasetConfig,
    "embedder": models.EmbedderConfig,
    "grounder": models.GrounderConfig,
    "resources": models.ResourcesConfig,
    "sampling": data.SamplingConfig,
    "storage": data.StorageConfig,
    "tracker": models.TrackerConfig,
}
HYDRA = {"defaults", "hydra"}
FILES = [(f"{job}.yaml", config_type) for job, config_type in JOBS.items()] + [
    (str(path.relative_to(conf_folder())), config_type)
    for group, config_type in GROUPS.items()
    for path in sorted((conf_folder() / group).glob("*.yaml"))
]


def both(config_type: type[Any], values: dict[str, Any]) -> Iterator[tuple[Field[Any], Any]]:
    """Yield every field that the YAML names, with its value there, sections included."""
    by_name = {item.name: item for item in fields(config_type)}
    for name, value in values.items():
        item = by_name[name]
        yield item, value
        if is_dataclass(item.type) and isinstance(value, dict):
            yield from both(item.type, value)  # type: ignore[arg-type]


@pytest.mark.parametrize(("file", "config_type"), FILES, ids=[file for file, _ in FILES])
def test_what_yaml_says_the_dataclass_does_not(file: str, config_type: type[Any]) -> None:
    values = {k: v for k, v in read_yaml(conf_folder() / file).items() if k not in HYDRA}
    twice = [
        item.name
        for item, _ in both(config_type, values)
        # A dataset's or a model's optional parts are absent unless its YAML names them.
        if item.default not in (NO_DEFAULT, checks.MISSING, None)
    ]
    assert not twice


@pytest.mark.parametrize(("file", "config_type"), FILES, ids=[file for file, _ in FILES])
def test_every_key_of_a_yaml_is_a_setting(file: str, config_type: type[Any]) -> None:
    values = {k: v for k, v in read_yaml(conf_folder() / file).items() if k not in HYDRA}
    list(both(config_type, values))  # a KeyError names the one that is none


@pytest.mark.parametrize("config_type", [*JOBS.values(), *GROUPS.values()])
def test_every_value_can_be_read(config_type: type[Any]) -> None:
    for item in fields(config_type):
        if isinstance(item.default_factory, YamlValue):
            item.default_factory()


def test_python_gets_the_values_of_the_command_line() -> None:
    assert (
        data.DecodeConfig().timeout_s
        == read_yaml(conf_folder() / "index.yaml")["decode"]["timeout_s"]
    )


def test_lists_are_not_shared() -> None:
    one, another = JOBS["evaluate"]().evaluation, JOBS["evaluate"]().evaluation
    one.measure.append("more")
    assert "more" not in another.measure


def test_a_class_without_a_file_says_so() -> None:
    @dataclass
    class Lost:
        x: int = checks.setting()

    with pytest.raises(AssertionError, match="values_of"):
        Lost()


def test_a_field_that_the_file_lacks_is_a_key_error() -> None:
    @values_of("index.yaml", section="decode")
    @dataclass
    class Lost:
        nowhere: int = checks.setting()

    with pytest.raises(KeyError, match="nowhere"):
        Lost()

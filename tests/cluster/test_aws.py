"""The `ray up` file: valid by Ray's own schema and checks, without a key, and safe as far as a file
can make it.
"""

import copy
import importlib.resources
import json
import re
from typing import Any

import jsonschema
import pytest

from trawl import cli
from trawl.config import choices

from .conftest import CLUSTER, read


@pytest.fixture
def config() -> dict[str, Any]:
    return read(CLUSTER / "aws" / "cluster.yaml")[0]


def _check(config: dict[str, Any]) -> dict[str, Any]:
    """As `ray up` does before it speaks to anyone."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    schema = json.loads(
        (importlib.resources.files("ray.autoscaler") / "ray-schema.json").read_text()
    )
    jsonschema.validate(config, schema)
    prepared: dict[str, Any] = prepare_config(copy.deepcopy(config))
    validate_config(prepared)
    return prepared


def test_ray_takes_it(config: dict[str, Any]) -> None:
    assert _check(config)["head_node_type"] == "head"


@pytest.mark.parametrize(
    ("old", "new"),
    [("available_node_types", "available_node_type"), ("idle_timeout_minutes", "idle_timeout")],
)
def test_mistakes_are_seen(config: dict[str, Any], old: str, new: str) -> None:
    config[new] = config.pop(old)
    with pytest.raises(jsonschema.ValidationError):
        _check(config)


def test_machines_take_a_role_and_no_key(config: dict[str, Any]) -> None:
    assert set(config["auth"]) == {"ssh_user"}
    for name, kind in config["available_node_types"].items():
        machine = kind["node_config"]
        assert machine["IamInstanceProfile"]["Name"].startswith("trawl-"), name
        assert "KeyName" not in machine, name
        assert machine["MetadataOptions"]["HttpTokens"] == "required", name
        assert all(disk["Ebs"]["Encrypted"] for disk in machine["BlockDeviceMappings"]), name
    assert {"--cap-drop=ALL", "--security-opt=no-new-privileges"} <= set(
        config["docker"]["run_options"]
    )


def test_workers_may_be_spot_machines_and_the_head_may_not(config: dict[str, Any]) -> None:
    market = {
        name: kind["node_config"].get("InstanceMarketOptions", {}).get("MarketType")
        for name, kind in config["available_node_types"].items()
    }
    assert market == {"head": None, "decode": "spot", "gpu": "spot"}


def test_actors_find_their_places(config: dict[str, Any]) -> None:
    from trawl.runtime.sizes import pool_sizes

    kinds = config["available_node_types"]
    assert kinds["head"]["resources"]["CPU"] == kinds["gpu"]["resources"]["CPU"] == 0
    # the night itself asks for them
    assert all(kind["min_workers"] == 0 for kind in kinds.values())
    most = {
        unit: float(sum(kind["max_workers"] * kind["resources"][unit] for kind in kinds.values()))
        for unit in ("CPU", "GPU")
    }
    asked = ["resources=cluster", *re.findall(r"resources\.\w+_actors=\d+", _ray_exec())]
    resources = cli.compose("nightly", choices.JOBS["nightly"], ["+dataset=demo", *asked]).resources
    sizes = pool_sizes(resources, most)
    assert (
        (sizes.decode, sizes.embed) == (resources.decode_actors, resources.embed_actors) == (30, 1)
    )
    assert sizes.decode % kinds["decode"]["resources"]["CPU"] == 0, "a machine half used"


def _ray_exec() -> str:
    """The night as the README has it typed."""
    text = (CLUSTER / "README.md").read_text()
    return text[text.index("ray exec") : text.index("ray dashboard")]

"""How many actors fit where."""

import pytest

from trawl.config.models import ResourcesConfig
from trawl.errors import ConfigError
from trawl.runtime.sizes import PoolSizes, pool_sizes

LAPTOP, GPU = ResourcesConfig(), ResourcesConfig(decode_cpus=0.9, embed_cpus=0.1, embed_gpus=1.0)


@pytest.mark.parametrize(
    ("config", "total", "sizes"),
    [
        (LAPTOP, {"CPU": 1.0}, PoolSizes(1, 1, 1, 1)),
        (LAPTOP, {"CPU": 2.0}, PoolSizes(2, 1, 2, 1)),
        (LAPTOP, {"CPU": 16.0}, PoolSizes(16, 2, 8, 1)),
        (LAPTOP, {"CPU": 12.0}, PoolSizes(12, 2, 6, 1)),
        (GPU, {"CPU": 16.0, "GPU": 2.0}, PoolSizes(17, 2, 1, 1)),
        (ResourcesConfig(decode_actors=1, embed_actors=3), {"CPU": 4.0}, PoolSizes(1, 3, 1, 1)),
        (ResourcesConfig(embed_threads=1), {"CPU": 4.0}, PoolSizes(4, 4, 1, 1)),
        (ResourcesConfig(embed_gpus=0.5), {"CPU": 8.0, "GPU": 1.0}, PoolSizes(14, 2, 1, 1)),
    ],
    ids=[
        "one core",
        "two",
        "many",
        "twelve",
        "two GPUs",
        "as asked for",
        "one thread each",
        "half a GPU each",
    ],
)
def test_pools_fill_the_machine(
    config: ResourcesConfig, total: dict[str, float], sizes: PoolSizes
) -> None:
    assert pool_sizes(config, total) == sizes


@pytest.mark.parametrize(
    ("config", "total", "word"),
    [
        (GPU, {"CPU": 4.0}, "embed_gpus"),
        (ResourcesConfig(decode_actors=20), {"CPU": 2.0}, "decode_actors"),
        (ResourcesConfig(embed_actors=20), {"CPU": 2.0}, "embed_actors"),
    ],
)
def test_what_does_not_fit_is_refused(
    config: ResourcesConfig, total: dict[str, float], word: str
) -> None:
    with pytest.raises(ConfigError, match=word):
        pool_sizes(config, total)

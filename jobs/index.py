"""Build or refresh the index of a dataset: `python -m jobs.index +dataset=demo`. Only what changed is embedded."""

from trawl import cli
from trawl.config import IndexConfig


def index(config: IndexConfig) -> int:
    """Exit code: 0, or 3 when some videos failed and the rest are published."""
    from trawl.pipelines.index import run

    return run(config).exit_code


if __name__ == "__main__":
    cli.main("index", IndexConfig, index)

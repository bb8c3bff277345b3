"""Ask the published index: `python -m jobs.query +dataset=demo "text=a red star"`.

Needs no Ray and no GPU.
"""

from trawl import cli, exits
from trawl.config.jobs import QueryConfig


def query(config: QueryConfig) -> int:
    """Exit code 0, also when nothing matches: an empty answer is an answer."""
    from trawl.query.job import run

    run(config)
    return exits.EXIT_OK


if __name__ == "__main__":
    cli.main("query", QueryConfig, query)

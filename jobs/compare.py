"""Evaluated runs side by side: `python -m jobs.compare +dataset=demo runs=[a,b,c]`, or
`sweep=latest`. Needs no Ray.
"""

from trawl import cli, exits
from trawl.config.jobs import CompareConfig


def compare(config: CompareConfig) -> int:
    """Exit code 0, also when figures are missing: the page says which and why."""
    from trawl.compare.job import run

    run(config)
    return exits.EXIT_OK


if __name__ == "__main__":
    cli.main("compare", CompareConfig, compare)

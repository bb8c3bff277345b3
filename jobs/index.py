"""Build or refresh the index of a dataset: `python -m jobs.index +dataset=demo`.

Only what changed is embedded.
"""

from trawl import cli
from trawl.config.jobs import IndexConfig
from trawl.exits import Outcome


def index(config: IndexConfig) -> Outcome:
    """Exit code: 0; 5 when more videos failed than `max_failed_fraction` allows, 3 when any did and
    that is not set.
    """
    from trawl.index.job import run

    record = run(config)
    return Outcome(record.exit_code, run_id=record.run_id)


if __name__ == "__main__":
    cli.main("index", IndexConfig, index)

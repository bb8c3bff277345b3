"""Every night, unattended: `python -m jobs.nightly +dataset=...`.

Only what changed is embedded, only new footage is searched.
"""

from trawl import cli
from trawl.config.jobs import NightlyConfig


def nightly(config: NightlyConfig) -> int:
    """Exit code: 0; 5 when more videos or clips failed than `max_failed_fraction` allows, 3 when
    any did and that is not set, or a standing query could not be asked.
    """
    from trawl.nightly.job import run

    return run(config).exit_code


if __name__ == "__main__":
    cli.main("nightly", NightlyConfig, nightly)

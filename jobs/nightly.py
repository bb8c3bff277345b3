"""Every night, unattended: `python -m jobs.nightly +dataset=...`. Only what changed is embedded, only new footage is searched."""

from trawl import cli
from trawl.config import NightlyConfig


def nightly(config: NightlyConfig) -> int:
    """Exit code: 0; 3 when some videos or clips failed, 5 when more did than `max_failed_fraction` allows."""
    from trawl.pipelines.nightly import run

    return run(config).exit_code


if __name__ == "__main__":
    cli.main("nightly", NightlyConfig, nightly)

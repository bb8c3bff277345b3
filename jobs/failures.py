"""What failed, why, and what to do about it: `python -m jobs.failures +dataset=demo [retry=...]`.

Needs no Ray and no GPU.
"""

from trawl import cli, exits
from trawl.config.jobs import FailuresConfig


def failures(config: FailuresConfig) -> int:
    """Exit code 0, however much failed: listing it went well."""
    from trawl.failures.job import run

    run(config)
    return exits.EXIT_OK


if __name__ == "__main__":
    cli.main("failures", FailuresConfig, failures)

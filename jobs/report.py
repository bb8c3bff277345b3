"""See what a tracking run did: `python -m jobs.report +dataset=demo run=latest`.

Needs no Ray, no model and no GPU.
"""

from trawl import cli, exits
from trawl.config.jobs import ReportJobConfig


def report(config: ReportJobConfig) -> int:
    """Exit code 0, also when a video is missing: the page says so."""
    from trawl.report.job import run

    run(config)
    return exits.EXIT_OK


if __name__ == "__main__":
    cli.main("report", ReportJobConfig, report)

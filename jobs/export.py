"""A run in another tool's format: `python -m jobs.export +dataset=demo run=latest format=coco`.

Needs no Ray and no GPU.
"""

from trawl import cli, exits
from trawl.config.jobs import ExportConfig


def export(config: ExportConfig) -> int:
    """Exit code 0, also when nothing is selected: an empty export is an export."""
    from trawl.export.job import run

    run(config)
    return exits.EXIT_OK


if __name__ == "__main__":
    cli.main("export", ExportConfig, export)

"""Follow what a sentence names: `python -m jobs.track +dataset=demo "text=a red star"`.

Reads the published index.
"""

from trawl import cli
from trawl.config.jobs import TrackConfig


def track(config: TrackConfig) -> int:
    """Exit code: 0, also when nothing was found; 3 when some clips failed and the rest are written."""
    from trawl.track.job import run

    return run(config).exit_code


if __name__ == "__main__":
    cli.main("track", TrackConfig, track)

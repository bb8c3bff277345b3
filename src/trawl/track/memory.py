"""What is remembered of objects that are out of sight: not for ever, and not of any number."""

from collections.abc import Collection, Mapping

from trawl.config.steps import TrackingConfig
from trawl.track.masklet import Masklet


def forgotten(
    masklets: Mapping[int, Masklet], live: Collection[int], now_s: float, config: TrackingConfig
) -> list[int]:
    """Those that will not be recognised any more: lost for over `config.max_age_s`, or the longest lost of over `max_lost`.

    Args:
        masklets: all that may still be recognised.
        live: those of them that are followed on; never forgotten.
        now_s: the earliest time at which another could be found.
    """
    lost = sorted((key for key in masklets if key not in live), key=lambda key: masklets[key].last.time_s)
    excess = max(len(lost) - config.max_lost, 0)
    return [key for n, key in enumerate(lost) if n < excess or now_s - masklets[key].last.time_s > config.max_age_s]

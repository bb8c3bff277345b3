"""Assigns videos to parts of a dataset: the part its owner gave a video, or else one drawn by its
name.

Drawn by a hash of the video's id, so a video keeps its part when others come or go, and all of a
video is in one part.
"""

import hashlib
import re
from collections.abc import Mapping

from trawl.config.data import SplitConfig
from trawl.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def part_of(video_id: str, config: SplitConfig, own: Mapping[str, str] | None = None) -> str:
    """The part's name, which is also that of its files.

    Args:
        own: video_id -> part, for the videos whose dataset says so.

    Raises:
        ConfigError: the dataset's name of a part cannot name a file, or all shares are 0.

    >>> part_of("a.mp4", SplitConfig(train=1, val=0, test=0)), part_of("a.mp4", SplitConfig(), {"a.mp4": "holdout"})
    ('train', 'holdout')
    """
    if own and (given := own.get(video_id)):
        if not _NAME.fullmatch(given):
            raise ConfigError(
                f"the dataset puts {video_id} into split {given!r}, which cannot name a file; use split.column=null"
            )
        return given
    shares = {"train": config.train, "val": config.val, "test": config.test}
    total = sum(shares.values())
    if total <= 0:
        raise ConfigError(
            "split.train, split.val and split.test are all 0: give at least one a share"
        )
    place = (
        int.from_bytes(hashlib.sha256(f"{config.seed}/{video_id}".encode()).digest()[:8])
        / 2**64
        * total
    )
    for name, share in shares.items():
        place -= share
        if place < 0:
            return name
    # rounding alone comes here
    return max(shares, key=lambda name: (shares[name] > 0, list(shares).index(name)))

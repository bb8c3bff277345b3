"""Keeps what is remembered of a dataset within an age and a size: whole files go, the oldest first."""

import contextlib
import time

from trawl.config.steps import CacheConfig
from trawl.storage import Storage

FOLDER = "cache"  # below the dataset


def clean(storage: Storage, dataset: str, config: CacheConfig) -> int:
    """Remove files that were written longer than `max_age_d` ago, then the oldest while there is more than `max_gb`.

    Returns how many went. A reader that comes late finds nothing, and computes it again.
    """
    from pyarrow import fs

    filesystem, root = storage.arrow()
    under = f"{root}/{dataset}/{FOLDER}"
    entries = filesystem.get_file_info(fs.FileSelector(under, allow_not_found=True, recursive=True))
    files = sorted((one for one in entries if one.is_file), key=lambda one: one.mtime_ns or 0)
    oldest_ns = time.time_ns() - int(config.max_age_d * 86_400e9)
    size, removed = sum(one.size for one in files), 0
    for one in files:
        if (one.mtime_ns or 0) >= oldest_ns and size <= config.max_gb * 1e9:
            break
        with contextlib.suppress(FileNotFoundError):  # another run cleans too
            filesystem.delete_file(one.path)
        size -= one.size
        removed += 1
    return removed

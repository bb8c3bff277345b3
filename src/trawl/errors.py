"""Every error a user can meet, as one tree.

    TrawlError
    ├── UsageError            the command cannot work as typed; nothing was started           exit
                              code 2
    │   ├── ConfigError       a setting is misspelt, of the wrong type or out of range
    │   ├── DatasetError      the dataset does not exist, is empty or cannot be listed
    │   ├── StorageError      a bucket or folder is missing, unreachable or denies access
    │   ├── WeightsError      a model's weights are not here and cannot be fetched
    │   ├── IndexMissingError nothing has been published that this query could read
    │   ├── RunError          there is no such run, or this version cannot read it
    │   ├── LeaseError        another job is writing this dataset                              exit
        code 4
    │   ├── RoomError         the cluster gave no room for the actors in time                  exit
        code 6
    │   └── TruthError        the ground truth cannot be read, or is of other videos than the run
    ├── VideoError            one video cannot be used: a ledger row, never the end of a job
    └── DeviceMemoryError     a model ran out of memory: less at once (a shorter chunk, fewer
                              objects) may work

Other libraries' errors are mapped to these where they are caught, once per library: fsspec's and
Lance's in `storage.py`, decord's and PyAV's in `decode/`, open_clip's in `models/clip/openclip.py`,
Hydra's in `cli.py`. What is not in this tree is a bug: it ends with a traceback and exit code 1.
The message of a UsageError is one line: it names the value, what is allowed and what to try.
"""

import difflib
from collections.abc import Iterable

from trawl.records.video import Reason


class TrawlError(Exception):
    """Base of every error that Trawl raises on purpose."""


class UsageError(TrawlError):
    """The command cannot work as typed. One line; exit code 2 unless a kind of it has its own."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is misspelt, of the wrong type or out of its range."""


class DatasetError(UsageError):
    """The dataset does not exist, is empty or cannot be listed."""


class StorageError(UsageError):
    """A bucket or folder is missing, unreachable or denies access."""


class WeightsError(UsageError):
    """A model's weights are neither on disk nor at a hub that can be reached."""


class IndexMissingError(UsageError):
    """Nothing is published for this dataset yet."""


class RunError(UsageError):
    """There is no run of tracking by that name, or a newer version wrote it."""


class LeaseError(UsageError):
    """Another job is writing this dataset, or has taken it over from this one."""

    exit_code = 4


class RoomError(UsageError):
    """The cluster gave no room for the actors within `resources.wait_s`, or killed them; it may do
    better later.
    """

    exit_code = 6


class TruthError(UsageError):
    """The ground truth cannot be read, or it and the run do not speak of the same videos, frames or
    sizes.
    """


class VideoError(TrawlError):
    """One video cannot be used.

    `reason` is from the closed list `records.Reason`; `message` is for a person.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        # both, so that the error survives pickling between processes
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.message}"


class DeviceMemoryError(TrawlError):
    """A model ran out of its device's memory.

    What it held is freed, so that the same with less at once may work.
    """


def did_you_mean(value: str, allowed: Iterable[str]) -> str:
    """The tail of a usage message: what is allowed, nearest first.

    >>> did_you_mean("folde", ["demo", "folder"])
    "did you mean 'folder'? (one of: demo, folder)"
    """
    names = sorted(allowed)
    near = difflib.get_close_matches(value, names, n=1) or [
        name for name in names if value and name.startswith(value)
    ]
    listed = f"one of: {', '.join(names)}"
    return f"did you mean '{near[0]}'? ({listed})" if near else listed

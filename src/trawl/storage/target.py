"""Chooses where a job writes its result: a new folder of its own below the storage root, or the one
that `out` names.
"""

from dataclasses import replace
from pathlib import Path

from trawl.config.data import StorageConfig
from trawl.errors import ConfigError
from trawl.storage import Storage

_TRIES = 100


def own_folder(
    out: str | None, files: StorageConfig, storage: Storage, stem: str, claim: tuple[str, bytes]
) -> tuple[Storage, str]:
    """(where, folder in it) that this call alone writes to.

    Args:
        out: a folder or s3://bucket/prefix, new or empty, or None for a new folder under the root.
        stem: of that folder's name; a number is added where it is taken.
        claim: name and content of the first file in it.

    Raises:
        ConfigError: `out` holds something, or is a whole bucket.
    """
    name, content = claim
    if out is None:
        for attempt in range(_TRIES):
            folder = stem + (f"-{attempt + 1}" if attempt else "")
            if storage.write_if_absent(f"{folder}/{name}", content):
                return storage, folder
        raise AssertionError(f"{_TRIES} folders of one name in one second")
    whole = out.rstrip("/") if "://" in out else str(Path(out).expanduser().absolute())
    parent, _, folder = whole.rpartition("/")
    if not folder or parent.endswith("/"):
        raise ConfigError(f"out={out} must be a folder in a bucket or below another folder")
    target = Storage.open(replace(files, root=parent or "/"))
    target.check(write=True)
    if target.names(folder) or target.folders(folder):
        raise ConfigError(f"out={out} holds files already: name a folder that is new or empty")
    target.write_bytes(f"{folder}/{name}", content)
    return target, folder

"""Reads the files of a ground truth from this machine, S3 or any other URI that fsspec opens."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from trawl.config.data import StorageConfig
from trawl.corpus.files import list_files, local_path, scheme_of
from trawl.errors import DatasetError, StorageError, TruthError
from trawl.storage.root import endpoint_of
from trawl.storage.s3 import S3Files, split

RECORDS = ("export.json", "settings.json")  # what our own exports hold beside the truth


@dataclass(frozen=True, slots=True)
class TruthFiles:
    """Reads a file, or a folder of files, at `uri`."""

    uri: str
    storage: StorageConfig

    def listed(self) -> Iterator[tuple[str, str]]:
        """Yield (path inside the folder, URI) of every file; for a single file its name.

        Raises:
            TruthError: There is no such place, or it cannot be listed.
        """
        empty = True
        try:
            for file in list_files(self.uri, self.storage):
                empty = False
                yield file.path, file.uri
        except DatasetError as error:
            raise TruthError(
                f"dataset.truth.uri: {str(error).removeprefix('dataset.uri ')}"
            ) from error
        if empty:
            raise TruthError(
                f"dataset.truth.uri={self.uri} holds no file: it does not exist or is empty; check "
                "the path"
            )

    def read(self, uri: str) -> bytes:
        """Return a file's bytes. Raises TruthError if it cannot be read."""
        try:
            return _read(uri, self.storage)
        except (StorageError, OSError, ImportError, ValueError) as error:
            raise TruthError(
                f"dataset.truth.uri: {uri} cannot be read ({' '.join(str(error).split())})"
            ) from error

    def read_text(self, uri: str) -> str:
        """Return a file's text. Raises TruthError if it cannot be read as UTF-8."""
        try:
            return self.read(uri).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise TruthError(
                f"{uri} is not text in UTF-8: is it what dataset.truth.format says?"
            ) from error

    def read_json(self, uri: str) -> dict[str, Any]:
        """Return a JSON object. Raises TruthError if it cannot be read as one."""
        try:
            content = json.loads(self.read(uri))
        except ValueError as error:
            raise TruthError(f"{uri} is not JSON ({error})") from error
        if not isinstance(content, dict):
            raise TruthError(
                f"{uri} is a JSON list, not an object with lists in it: is it a file of results?"
            )
        return content


def _read(uri: str, storage: StorageConfig) -> bytes:
    scheme = scheme_of(uri)
    if scheme == "file":
        return local_path(uri).read_bytes()
    if scheme == "s3":
        bucket, key = split(uri)
        return S3Files(bucket, "", endpoint_of(storage)).read(key)
    import fsspec

    with fsspec.open(uri, "rb") as file:
        data: bytes = file.read()
    return data

"""The files of a ground truth, on this machine, on S3 or at any other URI that fsspec opens;
nothing of what they mean.
"""

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
    """A file, or a folder of them. uri: of either."""

    uri: str
    storage: StorageConfig

    def listed(self) -> Iterator[tuple[str, str]]:
        """(path inside the folder, URI) of every file, streamed; of a file its own name.

        Raises:
            TruthError: there is no such place, or it cannot be listed.
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
                f"dataset.truth.uri={self.uri} holds no file: it does not exist or is empty; check the path"
            )

    def read(self, uri: str) -> bytes:
        """Raises TruthError when it cannot be read."""
        try:
            return _read(uri, self.storage)
        except (StorageError, OSError, ImportError, ValueError) as error:
            raise TruthError(
                f"dataset.truth.uri: {uri} cannot be read ({' '.join(str(error).split())})"
            ) from error

    def read_text(self, uri: str) -> str:
        """Raises TruthError when it cannot be read or is no text."""
        try:
            return self.read(uri).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise TruthError(
                f"{uri} is no text in UTF-8: is it what dataset.truth.format says?"
            ) from error

    def read_json(self, uri: str) -> dict[str, Any]:
        """Raises TruthError when it cannot be read or is no JSON object."""
        try:
            content = json.loads(self.read(uri))
        except ValueError as error:
            raise TruthError(f"{uri} is no JSON ({error})") from error
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

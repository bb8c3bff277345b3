"""The one root URI under which everything that Trawl writes lies, resolved once, and the layout
below it.

    <root>/<dataset>/index/<recipe>/{frames,videos}.lance     <root>/<dataset>/index/published/<n>.json
    <root>/<dataset>/queries/<time>-<slug>/                   <root>/<dataset>/runs/<run_id>/

Knows paths, endpoints and patience, and nothing of what the files mean. A Storage is a few strings:
it crosses process borders, and holds no credential and no connection.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trawl.config.data import StorageConfig
from trawl.errors import StorageError
from trawl.storage.local import LocalFiles
from trawl.storage.s3 import Endpoint, S3Files, split


@dataclass(frozen=True, slots=True)
class Storage:
    """Names the place of the index.

    Make one with `Storage.open`.

    root: an absolute local path or s3://bucket/prefix, without a "/" at its end. endpoint: which S3
    speaks there.
    """

    root: str
    endpoint: Endpoint

    @classmethod
    def open(cls, config: StorageConfig) -> "Storage":
        """Resolve the settings; touches no disk and no network (`check` does).

        Raises:
            StorageError: the root has a scheme that an index cannot lie on.
        """
        scheme, separator, rest = config.root.partition("://")
        if scheme == "s3" and set(rest) & set("#?%"):
            # botocore takes them as they are, Lance as parts of a URL: the index would lie in two
            # places.
            raise StorageError(
                f"storage.root {config.root!r}: an s3:// URI for an index holds no '#', '?' or '%'; rename it"
            )
        if not separator:
            root = str(Path(config.root).expanduser().absolute())
        elif scheme == "file":
            root = str(Path(rest).absolute())
        elif scheme == "s3" and split(config.root)[0]:
            root = config.root.rstrip("/")
        else:
            raise StorageError(
                f"storage.root {config.root!r} is nothing an index can lie on; use a folder, file:///folder or s3://bucket/prefix"
            )
        return cls(root, endpoint_of(config))

    @property
    def is_s3(self) -> bool:
        return self.root.startswith("s3://")

    def uri(self, *parts: str) -> str:
        """The full URI of something below the root, as Lance and pyarrow take it."""
        return "/".join([self.root, *parts])

    def table_uri(self, dataset: str, recipe: str, table: str) -> str:
        """table: "frames" or "videos"; recipe: a Recipe's key."""
        return self.uri(dataset, "index", recipe, f"{table}.lance")

    @property
    def lance_options(self) -> dict[str, str]:
        """`storage_options` for Lance.

        Empty on a local disk. Credentials are not among them: Lance finds its own.

        Lance gives up on an S3 that stutters after about 5 s unless told otherwise.
        """
        if not self.is_s3:
            return {}
        options = {
            "aws_region": self.endpoint.region,
            "client_max_retries": str(2 * self.endpoint.retries),
            "client_retry_timeout": str(30 * max(self.endpoint.retries, 1)),
        }
        if self.endpoint.url:
            options |= {
                "aws_endpoint": self.endpoint.url,
                "allow_http": str(self.endpoint.url.startswith("http://")).lower(),
                "aws_virtual_hosted_style_request": "false",
            }
        return options

    def read_bytes(self, name: str) -> bytes:
        """The file's content. Raises StorageError when it is missing or unreadable."""
        return self._files().read(name)

    def write_bytes(self, name: str, data: bytes) -> None:
        """Create or replace the file, whole or not at all."""
        self._files().write(name, data)

    def write_if_absent(self, name: str, data: bytes) -> bool:
        """Create the file, whole or not at all; False when it exists.

        Of several racers exactly one gets True.
        """
        return self._files().write_if_absent(name, data)

    def exists(self, name: str) -> bool:
        return self._files().exists(name)

    def names(self, folder: str) -> list[str]:
        """Names of the files directly in `folder`, sorted; empty when it does not exist."""
        return self._files().names(folder)

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in `folder`, sorted; empty when it does not exist."""
        return self._files().folders(folder)

    def arrow(self) -> tuple[Any, str]:
        """A pyarrow filesystem and the root's path in it, for readers of Parquet; finds its own
        credentials.

        Opens no connection. Errors of what is read through it are pyarrow's own: `check` first.
        """
        from pyarrow import fs

        if not self.is_s3:
            return fs.LocalFileSystem(), self.root
        endpoint = {"endpoint_override": self.endpoint.url} if self.endpoint.url else {}
        patience = fs.AwsStandardS3RetryStrategy(max_attempts=self.endpoint.retries + 1)
        found = fs.S3FileSystem(region=self.endpoint.region, retry_strategy=patience, **endpoint)
        return found, self.root.removeprefix("s3://")

    def delete(self, name: str) -> None:
        """Delete the file; a missing one is no error."""
        self._files().delete(name)

    def check(self, write: bool) -> None:
        """Find out in seconds, before any work starts, whether the root can be used.

        Raises:
            StorageError: missing bucket or folder, unreachable endpoint, denied or missing
                credentials, read-only folder.
        """
        self._files().check(write)

    def _files(self) -> LocalFiles | S3Files:
        if not self.is_s3:
            return LocalFiles(self.root)
        bucket, prefix = split(self.root)
        return S3Files(bucket, f"{prefix}/" if prefix else "", self.endpoint)


def endpoint_of(config: StorageConfig) -> Endpoint:
    """Settings first, then the usual environment variables, then Amazon's default."""
    env = os.environ
    url = config.endpoint or env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or None
    region = config.region or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1"
    return Endpoint(url.rstrip("/") if url else None, region, config.retries)

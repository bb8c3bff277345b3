"""Small files and listings on anything S3-compatible. The twin of `local.py`.

Speaks through botocore's plain client: synchronous, streaming, and with the conditional put that
everything rests on (`If-None-Match: *`, the one condition that every server gets right). Other
conditions are not used. Credentials are botocore's own business: environment, profile or role,
looked up when a client is made.
"""

import contextlib
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO

from trawl.errors import StorageError
from trawl.storage.faults import kind_of, storage_error

_CHUNK_BYTES = 4 * 2**20
_CHECKS = 3  # attempts at a check, which must end within seconds also where nobody answers


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Names an S3 endpoint.

    Url None: Amazon's. retries: attempts beyond the first, with back-off.
    """

    url: str | None
    region: str
    retries: int


@dataclass(frozen=True, slots=True)
class S3Object:
    key: str
    size_bytes: int
    etag: str


class S3Files:
    """Objects under s3://bucket/prefix; names are relative to the prefix, which is "" or ends in
    "/".
    """

    def __init__(self, bucket: str, prefix: str, endpoint: Endpoint) -> None:
        self._bucket, self._prefix, self._endpoint = bucket, prefix, endpoint

    def read(self, name: str) -> bytes:
        """Raises StorageError when the object is missing or unreadable."""
        with self._faults(name) as client:
            data: bytes = client.get_object(Bucket=self._bucket, Key=self._prefix + name)[
                "Body"
            ].read()
            return data

    def write(self, name: str, data: bytes) -> None:
        """Replaces the object; a put is atomic."""
        with self._faults(name) as client:
            client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=data)

    def write_if_absent(self, name: str, data: bytes) -> bool:
        """False, and nothing changed, when the object is already there.

        Exactly one of several racers gets True.

        False may also mean that our own first attempt arrived and its answer did not: data that is
        unlike anybody else's lets the caller tell, by reading it back.
        """
        from botocore.exceptions import ClientError

        with self._faults(name) as client:
            try:
                client.put_object(
                    Bucket=self._bucket, Key=self._prefix + name, Body=data, IfNoneMatch="*"
                )
            except ClientError as error:
                # 409: another conditional put of this key is in flight and will win.
                if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                    return False
                raise
            return True

    def exists(self, name: str) -> bool:
        with self._faults(name):
            return self.head(name) is not None

    def names(self, folder: str) -> list[str]:
        """Names of the objects directly in `folder`, sorted; empty when there are none."""
        head = f"{folder.rstrip('/')}/"
        return sorted(found.key for found in self.objects(head, delimiter="/") if found.key)

    def folders(self, folder: str) -> list[str]:
        """Names of the prefixes directly in `folder`, sorted; empty when there are none."""
        head = f"{self._prefix}{folder.rstrip('/')}/"
        with self._faults(folder) as client:
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=head, Delimiter="/"
            )
            found = [
                shared["Prefix"] for page in pages for shared in page.get("CommonPrefixes", ())
            ]
        return sorted(prefix[len(head) :].rstrip("/") for prefix in found)

    def delete(self, name: str) -> None:
        with self._faults(name) as client:
            client.delete_object(Bucket=self._bucket, Key=self._prefix + name)

    def head(self, name: str) -> S3Object | None:
        """The object's size and etag, or None when there is no such object."""
        from botocore.exceptions import ClientError

        with self._faults(name) as client:
            try:
                found = client.head_object(Bucket=self._bucket, Key=self._prefix + name)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                    return None
                raise
        return S3Object(name, int(found["ContentLength"]), found["ETag"].strip('"'))

    def objects(self, folder: str = "", delimiter: str = "") -> Iterator[S3Object]:
        """Every object whose name starts with `folder`, keys relative to it, in key order, a page
        of 1,000 at a time.
        """
        head = self._prefix + folder
        with self._faults(folder) as client:
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=head, Delimiter=delimiter
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    yield S3Object(
                        found["Key"][len(head) :], int(found["Size"]), found["ETag"].strip('"')
                    )

    def download(self, name: str, target: BinaryIO, etag: str | None = None) -> Iterator[int]:
        """Copies the object into `target`, yielding the bytes written so far, so that the caller
        may stop.

        Where the connection breaks, it goes on with the next byte: botocore repeats requests, and
        no answers that break off.

        Raises:
            StorageError: among others, the object is there but has another etag than this one, or
                than it had before a break.
        """
        from botocore.exceptions import HTTPClientError, IncompleteReadError

        done, breaks = 0, 0
        while True:
            with self._faults(name) as client:
                rest = {"Range": f"bytes={done}-"} if done else {}
                found = client.get_object(Bucket=self._bucket, Key=self._prefix + name, **rest)
                now = found["ETag"].strip('"')
                if (etag := etag or now) != now:
                    found["Body"].close()
                    raise StorageError(
                        f"{self._where(name)} has changed since it was listed; the next run takes it up anew"
                    )
                if rest and "ContentRange" not in found:
                    found["Body"].close()
                    raise StorageError(
                        f"{self._where(name)} broke off, and the server cannot go on in the middle"
                    )
                end = done + int(found["ContentLength"])
                with contextlib.closing(found["Body"]) as body:
                    try:
                        for chunk in body.iter_chunks(_CHUNK_BYTES):
                            done, breaks = done + target.write(chunk), 0
                            yield done
                    except (HTTPClientError, IncompleteReadError):
                        if breaks >= self._endpoint.retries:
                            raise
            if done >= end:
                return
            time.sleep(min(0.1 * 2**breaks, 5.0))
            breaks += 1

    def check(self, write: bool) -> None:
        """The bucket is there and lets us list, and for writing also put and delete: known in
        seconds.

        Raises:
            StorageError: it is missing, unreachable, or denies what is asked.
        """
        impatient = S3Files(
            self._bucket, self._prefix, Endpoint(self._endpoint.url, self._endpoint.region, 0)
        )
        for left in reversed(range(_CHECKS if self._endpoint.retries else 1)):
            try:
                return impatient._check_once(write)
            except StorageError as error:
                # A server that stutters says so in an instant; one that is not there is not waited
                # for again and again.
                if not left or kind_of(error.__cause__ or error) not in ("other", "unreachable"):
                    raise
        raise AssertionError

    def _check_once(self, write: bool) -> None:
        next(self.objects(delimiter="/"), None)
        if write:
            name = f".check-{uuid.uuid4().hex}"
            if not self.write_if_absent(name, b"") or self.write_if_absent(name, b""):
                self.delete(name)
                raise StorageError(
                    f"{self._where('')} does not honour conditional puts (If-None-Match: *), which keep two jobs from "
                    "publishing over each other; use a server that does"
                )
            self.delete(name)

    def _where(self, name: str) -> str:
        at = f" at {self._endpoint.url}" if self._endpoint.url else ""
        return f"s3://{self._bucket}/{self._prefix}{name}{at}"

    @contextmanager
    def _faults(self, name: str) -> Iterator[Any]:
        """A client whose errors leave as StorageError."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield _client(self._endpoint)
        except ClientError as error:
            # A missing bucket and a missing key are both 404 to some calls; only the first carries
            # NoSuchBucket.
            raise storage_error(
                error, self._where("" if kind_of(error) == "no_bucket" else name)
            ) from error
        except (BotoCoreError, ValueError) as error:
            if isinstance(error, ValueError) and "endpoint" not in str(error).lower():
                raise
            raise storage_error(error, self._where(name)) from error


def split(uri: str) -> tuple[str, str]:
    """("bucket", "key") of an s3:// URI.

    Not `urlparse`: "#" and "?" are ordinary characters of a key.

    >>> split("s3://videos/a?b#c.mp4")
    ('videos', 'a?b#c.mp4')
    """
    bucket, _, key = uri.split("://", 1)[1].partition("/")
    return bucket, key


@lru_cache(maxsize=16)
def _client(endpoint: Endpoint) -> Any:
    """One client per process and endpoint; botocore's clients may be shared by threads."""
    import botocore.session
    from botocore.config import Config

    patient = endpoint.retries > 0
    config = Config(
        connect_timeout=10 if patient else 3,
        read_timeout=60 if patient else 5,
        retries={"total_max_attempts": endpoint.retries + 1, "mode": "standard"},
        # Servers other than Amazon's are rarely reached as bucket.host.
        s3={"addressing_style": "path" if endpoint.url else "auto"},
    )
    session = botocore.session.get_session()
    return session.create_client(
        "s3", endpoint_url=endpoint.url, region_name=endpoint.region, config=config
    )

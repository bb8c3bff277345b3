"""The fixtures of `tests/unit`, on a real S3 server: what is imported from there runs here a second
time.
"""

import os
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.s3.ceph import Ceph
from tests.unit.table.conftest import Index
from trawl.config.data import StorageConfig
from trawl.storage import Storage

BUCKET, CORPUS = "trawl-tests", "trawl-corpus"


@pytest.fixture(scope="session")
def client(ceph: Ceph) -> Any:
    """A client that knows nothing of the code under test, and two buckets."""
    import boto3

    found = boto3.client("s3", endpoint_url=ceph.url, region_name="us-east-1")
    for bucket in (BUCKET, CORPUS):
        found.create_bucket(Bucket=bucket)
    return found


@pytest.fixture
def storage_config(ceph: Ceph, client: Any) -> StorageConfig:
    """An empty root."""
    return StorageConfig(root=f"s3://{BUCKET}/{uuid.uuid4().hex}", endpoint=ceph.url, retries=1)


@pytest.fixture
def storage(storage_config: StorageConfig) -> Storage:
    return Storage.open(storage_config)


@pytest.fixture
def index(storage: Storage) -> Index:
    return Index(storage)


@pytest.fixture
def put(client: Any) -> Callable[[str, bytes], str]:
    """put("a/b.mp4", bytes) writes a file of the corpus, in a bucket of its own; put("", b"") only
    names the corpus's URI.
    """
    prefix = uuid.uuid4().hex

    def write(name: str, data: bytes) -> str:
        if name:
            client.put_object(Bucket=CORPUS, Key=f"{prefix}/{name}", Body=data)
        return f"s3://{CORPUS}/{prefix}" + (f"/{name}" if name else "")

    return write


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = os.path.dirname(__file__)  # noqa: PTH120
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.ceph)

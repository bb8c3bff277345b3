"""The two kinds of storage that everything must behave the same on: a local folder and S3."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from trawl.config.data import StorageConfig
from trawl.storage import Storage

BUCKET = "trawl-tests"


@pytest.fixture(scope="session")
def s3_endpoint(s3_endpoint: str) -> str:
    """The server that all tests share, with a bucket in it."""
    s3_client(s3_endpoint).create_bucket(Bucket=BUCKET)
    return s3_endpoint


def s3_client(url: str):
    """A client that knows nothing of the code under test."""
    import boto3

    return boto3.client("s3", endpoint_url=url, region_name="us-east-1")


@pytest.fixture(params=["local", "s3"])
def storage_config(request: pytest.FixtureRequest, tmp_path: Path) -> StorageConfig:
    """An empty root, on either kind."""
    if request.param == "local":
        return StorageConfig(root=str(tmp_path / "root"))
    endpoint = request.getfixturevalue("s3_endpoint")
    return StorageConfig(root=f"s3://{BUCKET}/{uuid.uuid4().hex}", endpoint=endpoint, retries=1)


@pytest.fixture
def storage(storage_config: StorageConfig) -> Storage:
    return Storage.open(storage_config)


@pytest.fixture
def local_storage(tmp_path: Path) -> Storage:
    return Storage.open(StorageConfig(root=str(tmp_path / "root")))


@pytest.fixture
def put(storage_config: StorageConfig) -> Callable[[str, bytes], str]:
    """put("a/b.mp4", bytes) writes a file of the corpus beside the index root; put("", b"") only
    names the corpus's URI.
    """
    corpus = f"{storage_config.root}-corpus"

    def write(name: str, data: bytes) -> str:
        if not name:
            return corpus
        if corpus.startswith("s3://"):
            key = f"{corpus}/{name}".removeprefix(f"s3://{BUCKET}/")
            s3_client(str(storage_config.endpoint)).put_object(Bucket=BUCKET, Key=key, Body=data)
        else:
            path = Path(corpus, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return f"{corpus}/{name}"

    return write

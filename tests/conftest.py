"""What unit and pipeline tests share: an S3 server, and the folder of real clips."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def aws_environment() -> Iterator[None]:
    """The variables by which any client finds its credentials; the test server takes every credential."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret-7f3a")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def s3_endpoint(aws_environment: None) -> Iterator[str]:
    """The URL of an S3 server in a thread, without buckets."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def real_videos() -> Path:
    """A folder of real clips: REAL_VIDEOS. Missing in CI is a failure, elsewhere a reason to skip."""
    folder = os.environ.get("REAL_VIDEOS")
    if not folder:
        if os.environ.get("CI"):
            pytest.fail("REAL_VIDEOS is not set: CI must test on real clips")
        pytest.skip("REAL_VIDEOS is not set: no real clips to test on")
    return Path(folder)

"""An S3 server in this process, for as long as a kind of trouble lasts."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

BUCKETS = ("the-corpus", "the-index")
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "chaos",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def use_credentials() -> None:
    """Of the server here, for this process and all that it starts; whatever else the environment
    holds is not sent anywhere.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= CREDENTIALS


@cache
def client(endpoint: str) -> Any:
    """A client that knows nothing of the code under test."""
    import boto3

    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server with `BUCKETS`; whoever uses it takes a prefix of its own."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request otherwise
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    url = f"http://{host}:{port}"
    for bucket in BUCKETS:
        client(url).create_bucket(Bucket=bucket)
    try:
        yield url
    finally:
        running.stop()

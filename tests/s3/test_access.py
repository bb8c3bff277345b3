"""Who may do what: temporary credentials, a stranger, a wrong region, a wrong clock, a bucket that
is not there.
"""

import datetime
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lance
import pytest

from tests.s3.ceph import Ceph
from tests.s3.conftest import BUCKET
from tests.unit.table.conftest import Index
from trawl.config.data import StorageConfig
from trawl.corpus.fetch import localize
from trawl.corpus.files import list_files
from trawl.errors import DatasetError, StorageError, VideoError
from trawl.records.video import Reason
from trawl.storage import Storage, lance_faults, s3

Credentials = Callable[..., None]
Put = Callable[[str, bytes], str]


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Iterator[Credentials]:
    """become(key, secret, token) is what a process with these in its environment would be."""

    def call(key: str, secret: str, token: str | None = None) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        if token is not None:
            monkeypatch.setenv("AWS_SESSION_TOKEN", token)
        s3._client.cache_clear()

    yield call
    s3._client.cache_clear()


@pytest.fixture
def temporary(ceph: Ceph, client: Any) -> tuple[str, str, str]:
    """(access key, secret key, session token) as the server's own token service hands them out, for
    fifteen minutes.
    """
    import boto3

    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    services = {
        name: boto3.client(name, endpoint_url=ceph.url, region_name="us-east-1")
        for name in ("iam", "sts")
    }
    services["iam"].put_user_policy(UserName="trawl", PolicyName="tokens", PolicyDocument=policy)
    found = services["sts"].get_session_token(DurationSeconds=900)["Credentials"]
    return found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]


def test_temporary_credentials_do_everything(
    storage: Storage, temporary: tuple[str, str, str], become: Credentials, put: Put, tmp_path: Path
) -> None:
    put("a.mp4", b"bytes")
    become(*temporary)
    storage.check(write=True)
    (found,) = list_files(put("", b""), StorageConfig(root="x", endpoint=storage.endpoint.url))
    with localize(
        found.uri, StorageConfig(root="x", endpoint=storage.endpoint.url), tmp_path, 10
    ) as path:
        assert path.read_bytes() == b"bytes"
    index = Index(storage)  # by Lance's own client
    index.index({"a.mp4": 3})
    assert index.held() == {("a.mp4", 0): 3}
    filesystem, root = storage.arrow()  # and by pyarrow's
    storage.write_bytes("one.json", b"1")
    with filesystem.open_input_stream(f"{root}/one.json") as file:
        assert file.read() == b"1"


def test_a_token_that_is_none_is_refused_in_one_line(
    storage: Storage, temporary: tuple[str, str, str], become: Credentials
) -> None:
    key, secret, token = temporary
    become(key, secret, token[:-8] + "AAAAAAA=")
    message = one_line(lambda: storage.check(write=True))
    assert "denied" in message and secret not in message and token[:20] not in message


def test_a_stranger_is_refused_everywhere_in_one_line(
    ceph: Ceph,
    storage: Storage,
    storage_config: StorageConfig,
    put: Put,
    become: Credentials,
    tmp_path: Path,
) -> None:
    index = Index(storage)
    index.index({"a.mp4": 3})
    uri, folder = put("a.mp4", b"bytes"), put("", b"")
    ceph.user("stranger", "stranger-key", "stranger-secret-0815")
    become("stranger-key", "stranger-secret-0815")
    for ask in (
        lambda: storage.check(write=False),
        lambda: storage.check(write=True),
        lambda: storage.read_bytes("x.json"),
        lambda: list(list_files(folder, storage_config)),
        lambda: open_table(storage, index.uri),
    ):
        message = one_line(ask)
        assert "is denied" in message and "AWS_ACCESS_KEY_ID" in message
        assert "stranger-secret" not in message
    with (
        pytest.raises(VideoError, match="is denied") as caught,
        localize(uri, storage_config, tmp_path, 10),
    ):
        pass
    assert caught.value.reason is Reason.UNREADABLE


def test_a_wrong_secret_is_one_line(storage: Storage, become: Credentials) -> None:
    become(os.environ["AWS_ACCESS_KEY_ID"], "wrong-secret-4711")
    message = one_line(lambda: storage.check(write=False))
    assert "is denied" in message and "4711" not in message


def test_buckets_that_are_not_there(ceph: Ceph, client: Any, tmp_path: Path) -> None:
    config = StorageConfig(root="s3://nowhere-bucket/x", endpoint=ceph.url, retries=0)
    for ask in (
        lambda: Storage.open(config).check(write=True),
        lambda: list(list_files("s3://nowhere-bucket/videos", config)),
        lambda: open_table(Storage.open(config), "s3://nowhere-bucket/x/frames.lance"),
    ):
        assert "nowhere-bucket" in one_line(ask)
    with (
        pytest.raises(VideoError, match="no such bucket"),
        localize("s3://nowhere-bucket/a.mp4", config, tmp_path, 1),
    ):
        pass


def test_a_server_without_regions_takes_any(ceph: Ceph, client: Any) -> None:
    root = f"s3://{BUCKET}/any-region"
    storage = Storage.open(StorageConfig(root=root, endpoint=ceph.url, region="eu-west-7"))
    storage.check(write=True)
    Index(storage).index({"a.mp4": 2})


def test_a_clock_that_is_an_hour_off_is_named(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    import botocore.auth

    now = botocore.auth.get_current_datetime
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda: now() + datetime.timedelta(hours=1)
    )
    assert "clock" in one_line(lambda: storage.check(write=True))


def open_table(storage: Storage, uri: str) -> None:
    with lance_faults(uri):
        lance.dataset(uri, storage_options=storage.lance_options)


def one_line(ask: Callable[[], object]) -> str:
    with pytest.raises((StorageError, DatasetError)) as caught:
        ask()
    assert "\n" not in str(caught.value)
    return str(caught.value)

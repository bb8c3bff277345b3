"""Small files under the root: the same behaviour on a local folder and on S3."""

import os
import pickle
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import lance
import pytest

from trawl.config.data import StorageConfig
from trawl.errors import StorageError
from trawl.storage import Storage, lance_faults, s3


def test_written_bytes_come_back(storage: Storage) -> None:
    storage.write_bytes("a/b/one.json", b"1")
    storage.write_bytes("a/b/one.json", b"2")
    assert storage.read_bytes("a/b/one.json") == b"2"
    assert storage.exists("a/b/one.json")
    storage.delete("a/b/one.json")
    storage.delete("a/b/one.json")
    assert not storage.exists("a/b/one.json")


def test_names_are_those_directly_in_the_folder(storage: Storage) -> None:
    assert storage.names("a") == []
    for name in ("a/2.json", "a/10.json", "a/deeper/x.json", "ab/y.json", "a.json"):
        storage.write_bytes(name, b"")
    assert storage.names("a") == ["10.json", "2.json"]


def test_names_beyond_one_page_of_a_listing(storage: Storage) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: storage.write_bytes(f"many/{n:04d}", b""), range(1010)))
    assert storage.names("many") == [f"{n:04d}" for n in range(1010)]


def test_a_missing_file_is_one_readable_line(storage: Storage) -> None:
    storage.check(write=True)
    with pytest.raises(StorageError, match=r"nowhere\.json.* does not exist") as caught:
        storage.read_bytes("nowhere.json")
    assert "\n" not in str(caught.value)


def test_first_writer_wins(storage: Storage) -> None:
    assert storage.write_if_absent("n/1.json", b"first")
    assert not storage.write_if_absent("n/1.json", b"second")
    assert storage.read_bytes("n/1.json") == b"first"
    assert storage.names("n") == ["1.json"]


def test_one_of_many_racers_wins(storage: Storage) -> None:
    storage.check(write=True)
    with ThreadPoolExecutor(8) as pool:
        for name in ("1.json", "2.json", "3.json"):
            won = list(
                pool.map(
                    lambda n, name=name: storage.write_if_absent(name, str(n).encode()), range(8)
                )
            )
            assert won.count(True) == 1
            assert storage.read_bytes(name) == str(won.index(True)).encode()


def test_a_crash_before_the_data_is_on_disk_shows_nothing(
    local_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_storage.write_bytes("old.json", b"old")

    def power_cut(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", power_cut)
    for name in ("new.json", "old.json"):
        with pytest.raises(KeyboardInterrupt):
            local_storage.write_bytes(name, b"new")
        with pytest.raises(KeyboardInterrupt):
            local_storage.write_if_absent(name, b"new")
    assert local_storage.names("") == ["old.json"]
    assert local_storage.read_bytes("old.json") == b"old"


def test_a_killed_writers_leftover_is_not_listed(local_storage: Storage) -> None:
    local_storage.write_bytes("p/1.json", b"")
    Path(local_storage.uri("p", ".2.json.0123abcd")).write_bytes(b"half")
    assert local_storage.names("p") == ["1.json"]


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("/data/index", "/data/index"),
        ("/data/index/", "/data/index"),
        ("file:///data/index", "/data/index"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
    ],
)
def test_roots(root: str, expected: str) -> None:
    storage = Storage.open(StorageConfig(root=root))
    assert storage.root == expected
    assert storage.table_uri("cats", "0123", "frames") == f"{expected}/cats/index/0123/frames.lance"


def test_a_relative_root_is_the_same_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Storage.open(StorageConfig(root="data")).root == str(tmp_path / "data")


@pytest.mark.parametrize("root", ["gs://bucket/x", "http://host/x", "s3://", "memory://x"])
def test_a_root_that_no_index_can_lie_on(root: str) -> None:
    with pytest.raises(StorageError, match=f"'{root}' is nothing an index can lie on; use .*s3://"):
        Storage.open(StorageConfig(root=root))


def test_it_travels_and_shows_no_credential(s3_endpoint: str) -> None:
    storage = Storage.open(StorageConfig(root="s3://trawl-tests/x", endpoint=s3_endpoint))
    copy = pickle.loads(pickle.dumps(storage))
    assert copy == storage
    assert copy.names("nothing") == []
    shown = f"{storage!r} {storage.lance_options} {pickle.dumps(storage)!r}"
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in shown
    assert os.environ["AWS_ACCESS_KEY_ID"] not in shown.replace("trawl-tests", "")


def test_endpoint_and_region_come_from_the_settings_else_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://general:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    options = Storage.open(StorageConfig(root="s3://b")).lance_options
    assert (options["aws_endpoint"], options["aws_region"]) == ("http://general:1", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://special:2/")
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    options = Storage.open(StorageConfig(root="s3://b")).lance_options
    assert (options["aws_endpoint"], options["aws_region"]) == ("https://special:2", "eu-west-2")
    assert options["allow_http"] == "false"
    options = Storage.open(
        StorageConfig(root="s3://b", endpoint="http://set:3", region="us-west-2")
    ).lance_options
    assert (options["aws_endpoint"], options["aws_region"]) == ("http://set:3", "us-west-2")
    assert options["allow_http"] == "true"


# What `check` finds before any work starts.


def test_check_passes_and_leaves_nothing_behind(storage: Storage) -> None:
    storage.check(write=True)
    storage.check(write=False)
    assert storage.names("") == []


def one_line(root: str, write: bool = True, endpoint: str | None = None) -> str:
    started = time.monotonic()
    with pytest.raises(StorageError) as caught:
        Storage.open(StorageConfig(root=root, endpoint=endpoint)).check(write)
    assert time.monotonic() - started < 8
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_folder_for_reading(tmp_path: Path) -> None:
    assert "does not exist" in one_line(str(tmp_path / "nowhere"), write=False)


def test_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert "is a file" in one_line(str(tmp_path / "file"))


def test_root_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert str(tmp_path / "file") in one_line(str(tmp_path / "file" / "root"))


def test_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, and tests often run as root: the refusal is played."""

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be written (Permission denied); choose a storage.root" in one_line(str(tmp_path))


def test_missing_bucket(s3_endpoint: str) -> None:
    message = one_line("s3://no-such-bucket/x", endpoint=s3_endpoint)
    assert "there is no such bucket" in message and "no-such-bucket" in message


def test_unreachable_endpoint(s3_endpoint: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    message = one_line("s3://bucket/x", endpoint=f"http://127.0.0.1:{port}")
    assert "cannot be reached" in message and str(port) in message


def test_endpoint_that_is_no_address(s3_endpoint: str) -> None:
    assert "storage.endpoint" in one_line("s3://bucket/x", endpoint="localhost:9000/")


def test_no_credentials(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    s3._client.cache_clear()
    try:
        assert "set AWS_ACCESS_KEY_ID" in one_line("s3://trawl-tests/x", endpoint=s3_endpoint)
    finally:
        s3._client.cache_clear()


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
def test_denied(s3_endpoint: str, code: str) -> None:
    with Refusing(code) as endpoint:
        message = one_line("s3://bucket/x", endpoint=endpoint)
    assert "is denied" in message and "AWS_ACCESS_KEY_ID" in message
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in message


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("ExpiredToken", "temporary credentials .* have expired .*renew them"),
        ("RequestTimeTooSkewed", "clock is wrong"),
        ("AuthorizationHeaderMalformed", r"not in this region .*set storage\.region"),
    ],
)
def test_refusals_that_have_a_remedy_of_their_own(s3_endpoint: str, code: str, advice: str) -> None:
    with Refusing(code) as endpoint:
        assert re.search(advice, one_line("s3://bucket/x", endpoint=endpoint))
        with pytest.raises(StorageError, match=advice), lance_faults("s3://bucket/x"):
            options = Storage.open(
                StorageConfig(root="s3://bucket/x", endpoint=endpoint, retries=0)
            ).lance_options
            lance.dataset("s3://bucket/x", storage_options=options)


def test_server_without_conditional_puts(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3.S3Files, "write_if_absent", lambda *_: True)
    assert "does not honour conditional puts" in one_line(
        "s3://trawl-tests/x", endpoint=s3_endpoint
    )


class Refusing:
    """A server that answers every request with 403 and an S3 error code."""

    def __init__(self, code: str) -> None:
        body = (
            f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>no</Message></Error>'.encode()
        )

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(403)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_folders_are_those_directly_in_the_folder(storage: Storage) -> None:
    assert storage.folders("a") == []
    for name in ("a/2/x.json", "a/2/y.json", "a/10/deeper/x.json", "a/file.json", "ab/y.json"):
        storage.write_bytes(name, b"")
    assert storage.folders("a") == ["10", "2"]


def test_arrow_reads_what_was_written(storage: Storage) -> None:
    storage.write_bytes("a/one.json", b"1")
    filesystem, root = storage.arrow()
    with filesystem.open_input_stream(f"{root}/a/one.json") as stream:
        assert stream.read() == b"1"

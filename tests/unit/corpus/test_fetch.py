"""A video as a local file: where it lies, copied, or shared; and whose fault it is where that
fails.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from trawl.config.data import StorageConfig
from trawl.corpus.fetch import localize
from trawl.corpus.files import list_files, stat_file
from trawl.errors import StorageError, VideoError
from trawl.records.video import Reason
from trawl.storage.faults import storage_error
from trawl.storage.s3 import S3Files

LOCAL = StorageConfig(root="unused")
Put = Callable[[str, bytes], str]


def test_a_local_file_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp4").write_bytes(b"1")
    monkeypatch.chdir(tmp_path)
    for uri in ("a.mp4", str(tmp_path / "a.mp4"), f"file://{tmp_path}/a.mp4"):
        with localize(uri, LOCAL, tmp_path / "unused", 1) as path:
            assert path == tmp_path / "a.mp4"


def test_the_copy_is_gone_afterwards_even_after_an_error(
    s3_endpoint: str, put: Put, tmp_path: Path
) -> None:
    config = StorageConfig(root="x", endpoint=s3_endpoint)
    uri = put("a.tar.mp4", b"1")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(KeyError), localize(uri, config, scratch, 1) as path:
        assert path.suffix == ".mp4"
        raise KeyError
    assert list(scratch.iterdir()) == []


def test_a_file_over_the_limit(storage_config: StorageConfig, put: Put, tmp_path: Path) -> None:
    uri = put("big.mp4", bytes(1001))
    with pytest.raises(VideoError) as caught, localize(uri, storage_config, tmp_path, 1000):
        pass
    assert caught.value.reason is Reason.TOO_LARGE
    assert "1,001 bytes; the limit is 1,000" in caught.value.message


def test_a_file_that_is_not_there(storage_config: StorageConfig, put: Put, tmp_path: Path) -> None:
    uri = put("a.mp4", b"") + ".gone"
    assert stat_file(uri, "x", storage_config).fingerprint == "missing"
    with pytest.raises(VideoError) as caught, localize(uri, storage_config, tmp_path, 1):
        pass
    assert caught.value.reason is Reason.UNREADABLE
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_regular_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with (
        pytest.raises(VideoError, match="not a regular file"),
        localize(str(path), LOCAL, tmp_path, 1),
    ):
        pass


def test_uses_of_one_video_share_a_download(
    storage_config: StorageConfig, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a.mp4", b"bytes")
    (info,) = list_files(put("", b""), storage_config)
    asked, download = [], S3Files.download

    def counted(*args: object) -> Iterator[int]:
        asked.append(args)
        return download(*args)

    monkeypatch.setattr(S3Files, "download", counted)
    for fingerprint in (info.fingerprint, f"{info.fingerprint}+row"):
        with localize(info.uri, storage_config, tmp_path, 100, fingerprint) as path:
            assert path.read_bytes() == b"bytes"
    assert len(asked) == info.uri.startswith("s3://")
    uncached = replace(storage_config, cache_mb=0)
    with localize(info.uri, uncached, tmp_path, 100, info.fingerprint) as path:
        assert path.read_bytes() == b"bytes"
    assert path.exists() == (not info.uri.startswith("s3://"))


def test_an_object_that_changed_since_it_was_listed_is_refused(
    storage_config: StorageConfig, put: Put, tmp_path: Path
) -> None:
    put("a.mp4", b"old")
    (info,) = list_files(put("", b""), storage_config)
    put("a.mp4", b"newer")
    if info.uri.startswith("s3://"):
        with (
            pytest.raises(VideoError, match="has changed since it was listed") as caught,
            localize(info.uri, storage_config, tmp_path, 100, info.fingerprint),
        ):
            pass
        assert caught.value.reason is Reason.UNREADABLE and "\n" not in caught.value.message
    (info,) = list_files(put("", b""), storage_config)
    with localize(info.uri, storage_config, tmp_path, 100, info.fingerprint) as path:
        assert path.read_bytes() == b"newer"


@pytest.mark.parametrize("fingerprint", [None, "f"])
def test_no_space_for_a_copy(
    fingerprint: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Iterator[int]:
        raise OSError(errno.ENOSPC, "No space left on device")
        yield

    monkeypatch.setattr(S3Files, "download", full)
    with (
        pytest.raises(VideoError, match=r"no space for a copy in .*resources\.scratch") as caught,
        localize("s3://b/a.mp4", LOCAL, tmp_path, 1, fingerprint),
    ):
        pass
    assert caught.value.reason is Reason.UNREADABLE
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_scratch_folder_that_is_not_there(tmp_path: Path) -> None:
    for fingerprint in (None, "f"):
        with (
            pytest.raises(StorageError, match="nowhere"),
            localize("s3://b/a", LOCAL, tmp_path / "nowhere", 1, fingerprint),
        ):
            pass


def test_credentials_that_expire_are_no_videos_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expired(*_: object) -> Iterator[int]:
        error = ClientError(
            {"Error": {"Code": "ExpiredToken", "Message": "The provided token has expired."}},
            "GetObject",
        )
        raise storage_error(error, "s3://b/a.mp4") from error
        yield

    monkeypatch.setattr(S3Files, "download", expired)
    with (
        pytest.raises(StorageError, match=r"expired .*renew them"),
        localize("s3://b/a.mp4", LOCAL, tmp_path, 1, "f"),
    ):
        pass


def test_a_web_server_that_breaks_off_costs_that_video(tmp_path: Path) -> None:
    class Breaks(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(b"x" * 10)

        do_HEAD = do_GET  # noqa: N815  as http.server spells it

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Breaks)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    uri = f"http://127.0.0.1:{server.server_port}/a.mp4?sig=0123456789"
    try:
        with (
            pytest.raises(VideoError) as caught,
            localize(uri, StorageConfig(root="-"), tmp_path, 10**9),
        ):
            pass
    finally:
        server.shutdown()
    assert caught.value.reason is Reason.UNREADABLE
    assert "0123456789" not in str(caught.value)

"""What only our own S3 client does: a download that goes on where the connection broke."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from trawl.errors import StorageError
from trawl.storage import s3
from trawl.storage.s3 import Endpoint, S3Files

DATA = bytes(range(256)) * 4096  # 1 MiB


@contextmanager
def breaking(
    sent: int, etags: tuple[str, ...] = ("one",), ranges: bool = True
) -> Iterator[tuple[S3Files, list[int]]]:
    """A server that sends `sent` bytes of an answer and hangs up; the files on it, and where each
    request began.
    """
    begun: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(found[1]) if found else 0
            begun.append(start)
            self.send_response(206 if found else 200)
            self.send_header("Content-Length", str(len(DATA) - start))
            if found and ranges:
                self.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
            self.send_header("ETag", f'"{etags[min(len(begun), len(etags)) - 1]}"')
            self.end_headers()
            self.wfile.write(DATA[start : start + sent])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield (
        S3Files("bucket", "", Endpoint(f"http://127.0.0.1:{server.server_port}", "us-east-1", 2)),
        begun,
    )
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch, aws_environment: None) -> None:
    monkeypatch.setattr(s3, "_CHUNK_BYTES", 100_000)
    monkeypatch.setattr(s3.time, "sleep", lambda _: None)


def test_a_download_goes_on_where_the_connection_broke() -> None:
    with breaking(sent=450_000) as (files, begun):
        target = io.BytesIO()
        assert list(files.download("a.mp4", target))[-1] == len(DATA)
        assert target.getvalue() == DATA
        assert begun[0] == 0 and len(begun) == 3 and all(start >= 400_000 for start in begun[1:])


def test_a_connection_that_brings_nothing_more_is_given_up() -> None:
    with breaking(sent=0) as (files, begun):
        with pytest.raises(StorageError, match=r"a\.mp4") as caught:
            list(files.download("a.mp4", io.BytesIO()))
        assert len(begun) == 3 and "\n" not in str(caught.value)


def test_two_versions_of_an_object_are_never_joined() -> None:
    with (
        breaking(sent=450_000, etags=("one", "two")) as (files, _),
        pytest.raises(StorageError, match="has changed"),
    ):
        list(files.download("a.mp4", io.BytesIO()))


def test_a_server_without_ranges_is_not_taken_at_its_word() -> None:
    with (
        breaking(sent=450_000, ranges=False) as (files, _),
        pytest.raises(StorageError, match="broke off"),
    ):
        list(files.download("a.mp4", io.BytesIO()))

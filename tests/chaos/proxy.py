"""An S3 that stutters: a reverse proxy in front of a real server, which answers wrong, not at all,
or loses answers.

What goes wrong is drawn from a seed. An answer that is lost was given: the request took effect. A
"commit" is a put with `If-None-Match`, which is how Lance, publications and leases make something
count.
"""

import http.client
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlparse

_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "expect",
    "te",
    "trailer",
    "upgrade",
    "proxy-connection",
}


@dataclass
class Faults:
    """errors: fraction of requests answered by 500, 503 or a reset, without effect. lost: fraction
    of commits whose answer is lost after they took effect. refusal: (status, code) that answers
    every request from number `refuse_after` on.
    """

    errors: float = 0.0
    lost: float = 0.0
    refusal: tuple[int, str] | None = None
    refuse_after: int = 0
    seed: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random, self._lock = random.Random(self.seed), threading.Lock()

    def draw(self, commit: bool) -> str:
        """What becomes of the next request: "" or "500", "503", "reset", "lost", "refused"."""
        with self._lock:
            self.seen["requests"] += 1
            self.seen["commits"] += commit
            fault = self._draw(commit)
            self.seen[fault or "answered"] += 1
            return fault

    def _draw(self, commit: bool) -> str:
        if self.refusal and self.seen["requests"] > self.refuse_after:
            return "refused"
        if self._random.random() < self.errors:
            return self._random.choice(["500", "503", "reset"])
        return "lost" if commit and self._random.random() < self.lost else ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: str
    faults: Faults

    def setup(self) -> None:
        super().setup()
        self._server: http.client.HTTPConnection | None = None

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        commit = self.command == "PUT" and "If-None-Match" in self.headers
        fault = self.faults.draw(commit)
        if fault == "reset":
            self._reset()
        elif fault == "refused":
            assert self.faults.refusal
            self._refuse(*self.faults.refusal)
        elif fault in ("500", "503"):
            self._refuse(int(fault), "InternalError" if fault == "500" else "SlowDown")
        else:
            status, headers, answer = self._forward(body)
            if fault == "lost":
                self._reset()
            else:
                self._answer(status, headers, answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815  http.server asks for these names

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        if self._server is None:
            self._server = http.client.HTTPConnection(self.upstream, timeout=60)
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP
        }
        try:
            self._server.request(self.command, self.path, body, headers)
            answer = self._server.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except (OSError, http.client.HTTPException):
            self._server.close()
            self._server = None
            raise

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        length = next((value for name, value in headers if name.lower() == "content-length"), None)
        for name, value in headers:
            if name.lower() not in _HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        self.send_header(
            "Content-Length", length if self.command == "HEAD" and length else str(len(body))
        )
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}, by chaos</Message></Error>".encode()
        self._answer(status, [("Content-Type", "application/xml")], body)

    def _reset(self) -> None:
        """Close so that the other end sees a reset and no end of stream."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)
        self.wfile = _Nowhere()  # type: ignore[assignment]
        self.connection.close()

    def finish(self) -> None:
        if self._server:
            self._server.close()
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *_: object) -> None:
        pass


class _Nowhere:
    closed = True

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed takes its connections along; that is the point."""

    def cut(self) -> None:
        """Close every open connection."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Proxy:
    """Listens until `away`, and again from `back` on, at the same address.

    Use it through `proxy`.
    """

    def __init__(self, upstream: str, faults: Faults) -> None:
        self._handler = type(
            "Handler", (_Handler,), {"upstream": urlparse(upstream).netloc, "faults": faults}
        )
        self._port, self.faults = 0, faults
        self.back()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def back(self) -> None:
        self._server = _Server(("127.0.0.1", self._port), self._handler)
        self._port = self._server.server_port
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def away(self) -> None:
        """Connections are cut, and new ones refused."""
        self._server.shutdown()
        self._server.server_close()
        self._server.cut()


@contextmanager
def proxy(upstream: str, faults: Faults) -> Iterator[Proxy]:
    """A proxy for as long as the block runs. Faults may be changed meanwhile."""
    running = Proxy(upstream, faults)
    try:
        yield running
    finally:
        running.away()

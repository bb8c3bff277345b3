"""Jobs that are given every kind of credential, and fail in every way that quotes one: nothing they
leave behind holds any.
"""

import base64
import json
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import lance
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from small_videos import write_moving

from trawl import cli, exits
from trawl.config import choices
from trawl.config.jobs import IndexConfig, NightlyConfig, QueryConfig, ReportJobConfig
from trawl.errors import StorageError
from trawl.index import job as index
from trawl.nightly import job as nightly
from trawl.query import job as query
from trawl.report import job as report
from trawl.table import publish

SIGNATURE, USER, PASSWORD, SESSION = (
    "5ig0a1b2c3d4e5f6",
    "camera-user",
    "hunter2hunter2",
    "FwoGZXIvYXdzEXAMPLE77",
)
KEY = "not-a-secret-7f3a"  # AWS_SECRET_ACCESS_KEY of these tests
SECRETS = (
    SIGNATURE,
    PASSWORD,
    SESSION,
    KEY,
    base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
)


class _Guarded(BaseHTTPRequestHandler):
    """Gives a file to whoever has its signature, or the password; 403 to others."""

    def __init__(self, folder: Path, *rest: object) -> None:
        self.folder = folder
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        known = f"X-Amz-Signature={SIGNATURE}" in asked.query or SECRETS[-1] in self.headers.get(
            "Authorization", ""
        )
        path = self.folder / asked.path.lstrip("/")
        if not known or "forbidden" in asked.path or not path.exists():
            self.send_error(403)
            return
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815  as http.server spells it

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Videos behind a signature, a password and a closed door, and one in a bucket that is not
    there.
    """
    for name in ("signed", "password", "forbidden"):
        write_moving(tmp_path / "served" / f"{name}.mp4", ["red"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Guarded, tmp_path / "served"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host, sign = (
        f"127.0.0.1:{server.server_port}",
        f"X-Amz-Credential=AKIA%2Fx&X-Amz-Signature={SIGNATURE}",
    )
    rows = [
        f"http://{host}/signed.mp4?{sign}",
        f"http://{USER}:{PASSWORD}@{host}/password.mp4",
        f"http://{USER}:{PASSWORD}@{host}/forbidden.mp4?{sign}",
    ]
    path = tmp_path / "manifest.csv"
    path.write_text("uri,thumb\n" + "".join(f"{row},http://{host}/t.jpg?{sign}\n" for row in rows))
    yield path
    server.shutdown()


def left_behind(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, as it is; and every table's content, which a file may hold compressed."""
    for path in root.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()
        if path.suffix == ".parquet":
            yield f"{path} rows", str(pq.read_table(path).to_pylist()).encode()
        if path.suffix == ".lance" and path.is_dir():
            for version in lance.dataset(str(path)).versions():
                rows = lance.dataset(str(path), version=version["version"]).to_table().to_pylist()
                yield f"{path} rows", str(rows).encode()


def check_clean(found: Iterator[tuple[str, bytes]] | list[tuple[str, bytes]]) -> int:
    """How many places were looked at."""
    places = list(found)
    assert not [
        f"{secret} in {where}"
        for where, data in places
        for secret in SECRETS
        if secret.encode() in data
    ]
    return len(places)


def test_what_leaves_a_mark_is_found(tmp_path: Path) -> None:
    """Of the check itself."""
    (tmp_path / "x.json").write_text(f"https://h/a?X-Amz-Signature={SIGNATURE}")
    with pytest.raises(AssertionError, match=r"x\.json"):
        check_clean(left_behind(tmp_path))


def test_a_night_a_query_and_a_report(
    local_ray: None,
    manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    standing = tmp_path / "standing"
    standing.mkdir()
    (standing / "red.yaml").write_text(
        'overrides: ["text=red", grounder=fake, tracker=fake, tracking.chunk_s=1]\n'
    )
    monkeypatch.setattr(choices, "standing_folder", lambda: standing)
    base = [
        "+dataset=manifest",
        f"dataset.uri={manifest}",
        "dataset.name=test",
        f"storage.root={tmp_path / 'root'}",
    ]
    actors = ["resources.decode_actors=1", "resources.embed_actors=1", "resources.track_actors=1"]
    compose: Callable[..., object] = cli.compose
    settings = compose(
        "nightly",
        NightlyConfig,
        [*base, *actors, "embedder=fake", "sampling.every_s=0.5", "log=json"],
    )
    night = nightly.run(settings, Console(width=250))
    assert night.index is not None
    assert night.index.outcomes == {"indexed": 2, "failed": 1}
    (asked,) = night.standing["red"]
    assert asked.counts["tracks"] == 2  # both were opened again, with what the tables lack
    answer = query.run(compose("query", QueryConfig, [*base, "text=red"]), Console(width=250))
    sheet = next((tmp_path / "root").rglob("contact_sheet.html")).read_text()
    assert sheet.count("data:image/jpeg") >= 2
    assert {row["uri"].partition("?")[2] for row in answer.table.to_pylist()} == {"***", ""}
    done = report.run(
        compose("report", ReportJobConfig, [*base, f"run={asked.run_id}"]), Console(width=250)
    )
    assert not done.notes
    printed = capfd.readouterr()
    assert '"event": "video failed"' in printed.err and "/forbidden.mp4?***" in printed.err
    places = check_clean(
        [
            *left_behind(tmp_path / "root"),
            ("stdout", printed.out.encode()),
            ("stderr", printed.err.encode()),
        ]
    )
    assert places > 30
    logs = sorted((tmp_path / "root/test/nights").rglob("log.jsonl"))
    events = [json.loads(line)["event"] for line in logs[0].read_text().splitlines()]
    expected = [
        "begun",
        "lease taken",
        "planned",
        "video failed",
        "committed",
        "published",
        "standing query begun",
    ]
    assert [event for event in events if event in expected and event != "begun"] == expected[1:]
    assert events[-3:] == ["standing query ended", "lease released", "ended"]


def test_an_error_that_quotes_them_half_way(
    local_ray: None,
    manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail(*args: object) -> None:
        quoted = f"https://{USER}:{PASSWORD}@b/x?X-Amz-Signature={SIGNATURE} {os.environ['AWS_SECRET_ACCESS_KEY']}"
        raise StorageError(f"s3://b failed (SignatureDoesNotMatch: {quoted}, token {SESSION})")

    monkeypatch.setattr(publish, "publish", fail)
    words = [
        "+dataset=manifest",
        f"dataset.uri={manifest}",
        "dataset.name=test",
        f"storage.root={tmp_path / 'root'}",
    ]
    words += ["embedder=fake", "resources.decode_actors=1", "resources.embed_actors=1", "log=json"]
    code = cli.run("index", IndexConfig, lambda config: index.run(config).exit_code, words)
    printed = capfd.readouterr()
    assert code == exits.EXIT_USAGE
    assert "trawl: s3://b failed (SignatureDoesNotMatch: https://***@b/x?***" in printed.err
    check_clean(
        [
            *left_behind(tmp_path / "root"),
            ("stdout", printed.out.encode()),
            ("stderr", printed.err.encode()),
        ]
    )
    (log,) = (tmp_path / "root").rglob("log.jsonl")
    last = json.loads(log.read_text().splitlines()[-1])
    assert (last["event"], last["exit_code"]) == ("ended by an error", exits.EXIT_USAGE)


@pytest.mark.parametrize(
    "words",
    [
        [
            f"storage.endpoint=http://{USER}:{PASSWORD}@127.0.0.1:9",
            "storage.root=s3://bucket/x",
            "+dataset=demo",
        ],
        [
            "+dataset=manifest",
            f"dataset.uri=http://{USER}:{PASSWORD}@127.0.0.1:9/m.csv?X-Amz-Signature={SIGNATURE}",
            "dataset.name=test",
        ],
        [
            "+dataset=folder",
            f"dataset.uri=http://{USER}:{PASSWORD}@127.0.0.1:9/v?X-Amz-Signature={SIGNATURE}",
        ],
    ],
)
def test_a_wrong_command(
    aws_environment: None, tmp_path: Path, words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    root = (
        []
        if any(word.startswith("storage.root") for word in words)
        else [f"storage.root={tmp_path / 'root'}"]
    )
    quick = ["storage.retries=0", "embedder=fake", "log=json"]
    code = cli.run(
        "index", IndexConfig, lambda config: index.run(config).exit_code, [*words, *root, *quick]
    )
    printed = capfd.readouterr()
    assert code == exits.EXIT_USAGE and "trawl: " in printed.err
    check_clean(
        [*left_behind(tmp_path), ("stdout", printed.out.encode()), ("stderr", printed.err.encode())]
    )

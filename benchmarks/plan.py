"""Planning a night: list the corpus, read the ledger, compare.

Seconds, and memory against the number of videos.

Two corpora, each against a ledger that knows them all (1% edited, 1% gone since, the rest
unchanged), and against an empty one (everything is new): a folder of real, empty files, and an S3
prefix, listed over HTTP from a server that makes its pages up as it goes, so that our side is what
is measured. Each figure comes from a process of its own; memory is its peak above what it held
after importing everything.

    python -m benchmarks.plan [--videos 10000 100000]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pyarrow as pa

from trawl.config.data import DatasetConfig, StorageConfig
from trawl.corpus.source import list_videos
from trawl.index.plan import make_plan
from trawl.schemas import VIDEOS
from trawl.storage import Storage
from trawl.table.ledger import open_ledger

PAGE = 1000


def key(n: int) -> str:
    return f"camera-{n // 1000:04d}/2026-11-21/clip-{n:08d}.mp4"


class ListingServer(BaseHTTPRequestHandler):
    """Answers ListObjectsV2 for `videos` keys; knows nothing else."""

    videos = 0

    def do_GET(self) -> None:
        start = int(parse_qs(urlparse(self.path).query).get("continuation-token", ["0"])[0])
        end = min(start + PAGE, self.videos)
        more = (
            f"<IsTruncated>true</IsTruncated><NextContinuationToken>{end}</NextContinuationToken>"
        )
        contents = "".join(
            f"<Contents><Key>corpus/{key(n)}</Key><Size>0</Size><ETag>&quot;{n:032x}&quot;</ETag></Contents>"
            for n in range(start, end)
        )
        last = more if end < self.videos else "<IsTruncated>false</IsTruncated>"
        body = (
            f'<?xml version="1.0"?><ListBucketResult>{last}{contents}</ListBucketResult>'.encode()
        )
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def make_folder(root: Path, videos: int) -> None:
    for n in range(videos):
        path = root / key(n)
        if n % 1000 == 0:
            path.parent.mkdir(parents=True)
        path.touch()


def fill_ledger(storage: Storage, dataset: DatasetConfig, config: StorageConfig) -> None:
    """Every listed video as indexed, 1% of them with another fingerprint, and 1% more that are
    gone.
    """
    ledger = open_ledger(storage.table_uri("bench", "known", "videos"), {})
    videos, number = iter(list_videos(dataset, config)), 0
    while chunk := list(islice(videos, 50_000)):
        rows = []
        for video in chunk:
            number += 1
            row = dict.fromkeys(VIDEOS.names) | {
                "uri": video.uri,
                "size_bytes": 0,
                "status": "indexed",
                "attempts": 0,
            }
            row |= {
                "video_id": video.video_id,
                "fingerprint": video.fingerprint,
                "frames_embedded": 1,
            }
            row |= {"metadata": "{}", "run_id": "bench", "updated_at": datetime.now(UTC)}
            rows.append(row | ({"fingerprint": "edited"} if number % 100 == 0 else {}))
            if number % 100 == 1:
                rows.append(row | {"video_id": f"gone/{number}.mp4"})
        ledger = ledger.upsert(pa.Table.from_pylist(rows, schema=VIDEOS))


def memory_mib(what: str) -> float:
    """VmRSS: what this process holds; VmHWM: the most that it held."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{what}:")[2].split()[0]) / 1024


def one(dataset: DatasetConfig, config: StorageConfig, ledger_name: str) -> dict:
    """Runs in a process of its own."""
    import botocore.session  # noqa: F401
    import lance  # noqa: F401

    ledger = open_ledger(
        Storage.open(StorageConfig(root=config.root)).table_uri("bench", ledger_name, "videos"), {}
    )
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = memory_mib("VmRSS")
    started = time.perf_counter()
    listed = sum(1 for _ in list_videos(dataset, config))
    listing_s = time.perf_counter() - started
    started = time.perf_counter()
    plan = make_plan(list_videos(dataset, config), ledger)
    work = sum(1 for _ in plan.work())
    removed = sum(1 for _ in plan.removed())
    plan_s = time.perf_counter() - started
    peak_mib = memory_mib("VmHWM") - before
    assert (work, removed) == (plan.counts.work, plan.counts.removed)
    return {
        "listed": listed,
        "listing_s": listing_s,
        "plan_s": plan_s,
        "mib": peak_mib,
        "work": work,
        "gone": removed,
    }


def measure(sizes: list[int], root: Path) -> str:
    """A Markdown table."""
    lines = [
        "| corpus | ledger | videos | to do | gone | listing alone, s | listing and plan, s | memory, MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for videos in sizes:
        place = root / str(videos)
        make_folder(place / "corpus", videos)
        handler = type("Sized", (ListingServer,), {"videos": videos})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for kind, uri in (("folder", str(place / "corpus")), ("S3", "s3://bench/corpus")):
            config = StorageConfig(
                root=str(place / kind), endpoint=f"http://127.0.0.1:{server.server_port}"
            )
            dataset = DatasetConfig(kind="folder", uri=uri)
            fill_ledger(Storage.open(config), dataset, config)
            for ledger in ("known", "empty"):
                found = _in_own_process(dataset, config, ledger)
                lines.append(
                    f"| {kind} | {ledger} | {found['listed']:,} | {found['work']:,} | {found['gone']:,} "
                    f"| {found['listing_s']:.1f} | {found['plan_s']:.1f} | {found['mib']:.0f} |"
                )
        server.shutdown()
    return "\n".join(lines)


def _in_own_process(dataset: DatasetConfig, config: StorageConfig, ledger: str) -> dict:
    arguments = json.dumps([dataset.uri, config.root, config.endpoint, ledger])
    command = [sys.executable, "-m", "benchmarks.plan", "--one", arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "bench")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "bench")
    if arguments.one:
        uri, root, endpoint, ledger = json.loads(arguments.one)
        print(
            json.dumps(
                one(
                    DatasetConfig(kind="folder", uri=uri),
                    StorageConfig(root=root, endpoint=endpoint),
                    ledger,
                )
            )
        )
        return
    with tempfile.TemporaryDirectory() as root:
        print(measure(arguments.videos, Path(root)))


if __name__ == "__main__":
    main()

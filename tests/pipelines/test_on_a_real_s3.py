"""Every job on a real S3 server, the corpus in one bucket and the index in another: index, query,
track, report, export.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from small_videos import write_moving

from tests.s3.ceph import Ceph
from trawl import cli
from trawl.config.jobs import ExportConfig, IndexConfig, QueryConfig, ReportJobConfig, TrackConfig
from trawl.export import job as export
from trawl.index import job as index
from trawl.query import job as query
from trawl.report import job as report
from trawl.storage import Storage
from trawl.track import job as track

pytestmark = pytest.mark.ceph
QUIET = Console(quiet=True)


def test_from_videos_to_a_page_and_an_export(local_ray: None, ceph: Ceph, tmp_path: Path) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=ceph.url, region_name="us-east-1")
    for bucket in ("the-corpus", "the-index"):
        client.create_bucket(Bucket=bucket)
    for name, colors in {"red.mp4": ["red"], "both.mp4": ["red", "blue"]}.items():
        client.upload_file(
            str(write_moving(tmp_path / name, colors)), "the-corpus", f"night/1/{name}"
        )
    (tmp_path / "scratch").mkdir()
    where = [
        "+dataset=folder",
        "dataset.uri=s3://the-corpus/night",
        "dataset.name=test",
        "storage=s3",
    ]
    where += ["storage.root=s3://the-index/deep/prefix", f"storage.endpoint={ceph.url}"]
    scratch = f"resources.scratch={tmp_path / 'scratch'}"
    small = ["embedder=fake", "sampling.every_s=0.5", "decode.span_s=1", scratch]
    small += ["resources.decode_actors=1", "resources.embed_actors=1"]

    def run_index() -> Any:
        return index.run(cli.compose("index", IndexConfig, [*where, *small]), QUIET)

    first, again = run_index(), run_index()
    assert first.outcomes == {"indexed": 2} and (again.plan["unchanged"], again.published) == (2, 1)
    outcome = query.run(cli.compose("query", QueryConfig, [*where, "text=something red"]), QUIET)
    assert outcome.answers[0].segments[0].video_id.startswith("1/")
    assert outcome.folder.startswith("s3://the-index/deep/prefix/test/queries/")

    fakes = [
        "text=red",
        "grounder=fake",
        "tracker=fake",
        "resources.track_actors=1",
        "tracking.chunk_s=1",
        scratch,
    ]
    tracked = track.run(cli.compose("track", TrackConfig, [*where, *fakes]), QUIET)
    assert tracked.counts["tracks"] == 2 and not tracked.failures
    assert list((tmp_path / "scratch").iterdir()) == [], "no copy outlives its job"

    page = report.run(cli.compose("report", ReportJobConfig, [*where, "report.side=128"]), QUIET)
    assert (page.shown, page.notes) == (2, {})
    storage = Storage.open(cli.compose("report", ReportJobConfig, where).storage)
    folder = page.page.removeprefix(f"{storage.root}/").rpartition("/")[0]
    html = storage.read_bytes(f"{folder}/index.html").decode()
    media = set(re.findall(r"media/([\w-]+\.\w+)", html))
    assert len(media) == 6 and media == set(storage.names(f"{folder}/media"))

    exported = export.run(cli.compose("export", ExportConfig, [*where, "format=coco"]), QUIET)
    inside = exported.folder.removeprefix(f"{storage.root}/")
    assert exported.folder.startswith("s3://the-index/") and exported.sizes
    assert {
        name: len(storage.read_bytes(f"{inside}/{name}")) for name in exported.sizes
    } == exported.sizes
    coco = [
        json.loads(storage.read_bytes(f"{inside}/{name}"))
        for name in exported.sizes
        if name.endswith(".json")
    ]
    assert sum(len(part.get("annotations", ())) for part in coco) == 60

"""Index, then ask: on a folder and on S3, over real clips, and through a driver that is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console
from small_videos import RealIndex, write_video

from trawl import cli, exits
from trawl.config.data import StorageConfig
from trawl.config.jobs import IndexConfig, QueryConfig
from trawl.index import job as index
from trawl.query import job as query
from trawl.storage import Storage
from trawl.table import publish

QUIET = Console(quiet=True)


def ask(*overrides: str) -> query.QueryOutcome:
    return query.run(cli.compose("query", QueryConfig, list(overrides)), QUIET)


def upload(folder: Path, endpoint: str, bucket: str) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket=bucket)
    for path in folder.rglob("*.mp4"):
        client.upload_file(str(path), bucket, f"videos/{path.relative_to(folder)}")


def test_everything_on_s3(local_ray: None, s3_endpoint: str, corpus: Path) -> None:
    upload(corpus, s3_endpoint, "everything")
    where = [
        "+dataset=folder",
        "dataset.uri=s3://everything/videos",
        "storage=s3",
        "storage.root=s3://everything/index",
    ]
    where.append(f"storage.endpoint={s3_endpoint}")
    small = [
        "embedder=fake",
        "resources.decode_actors=1",
        "resources.embed_actors=1",
        "sampling.every_s=0.2",
    ]
    run = index.run(cli.compose("index", IndexConfig, [*where, *small]), QUIET)
    assert run.outcomes == {"indexed": 3}
    again = index.run(cli.compose("index", IndexConfig, [*where, *small]), QUIET)
    assert (again.plan["unchanged"], again.published) == (3, 1)
    outcome = ask(*where, "text=something green")
    best = outcome.answers[0].segments[0]
    assert best.video_id == "a/green.mp4"
    assert 1.0 <= best.best_time_s < 2.0
    assert outcome.folder.startswith("s3://everything/index/")


def test_every_real_clip_is_indexed_and_found_at_right_times(
    real_index: RealIndex, real_videos: Path
) -> None:
    clips = sorted(path.name for path in real_videos.glob("*.mp4"))
    assert real_index.run.outcomes == {"indexed": len(clips)}
    outcome = ask(
        *real_index.where, "text=a red circle", "search.segments=50", "report.thumbnails=3"
    )
    assert {segment.video_id for segment in outcome.answers[0].segments} == set(clips)
    storage = Storage.open(StorageConfig(root=str(real_index.root)))
    _, videos = publish.open_tables(storage, "real", publish.latest(storage, "real"))
    duration_s = {row["video_id"]: row["duration_s"] for row in videos.to_table().to_pylist()}
    for segment in outcome.answers[0].segments:
        assert (
            0
            <= segment.start_s
            <= segment.best_time_s
            < segment.end_s
            <= duration_s[segment.video_id] + 1e-6
        )
    page = Path(outcome.folder, "contact_sheet.html").read_text()
    assert page.count("<img") == 3


def job(name: str, *overrides: str) -> list[str]:
    return [sys.executable, "-m", f"jobs.{name}", *overrides]


def test_a_killed_driver_loses_and_doubles_nothing(tmp_path: Path) -> None:
    corpus, root = tmp_path / "corpus", tmp_path / "root"
    for i in range(12):
        write_video(corpus / f"{i:02}.mp4", ["red", "green"][i % 2 :], seconds_each=2)
    where = [
        "+dataset=folder",
        f"dataset.uri={corpus}",
        "dataset.name=test",
        f"storage.root={root}",
    ]
    command = job("index", *where, "embedder=fake", "table.commit_rows=1")
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    driver = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    # some videos are committed, not all
    while len(list(root.glob("test/index/*/videos.lance/_versions/*"))) < 4:
        assert driver.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert not list(root.glob("test/index/published/*"))
    rerun = subprocess.run(command, env=env, capture_output=True, text=True)
    assert rerun.returncode == exits.EXIT_OK, rerun.stderr
    run = json.loads(max(root.glob("test/runs/*/run.json")).read_text())
    assert run["plan"]["unchanged"] > 0, "nothing of the killed run was kept"
    storage = Storage.open(StorageConfig(root=str(root)))
    frames, videos = publish.open_tables(storage, "test", publish.latest(storage, "test"))
    table = frames.to_table(columns=["video_id", "frame_index"])
    rows = list(zip(table["video_id"].to_pylist(), table["frame_index"].to_pylist()))
    assert len(rows) == len(set(rows)) == sum(8 if i % 2 == 0 else 4 for i in range(12))
    assert videos.count_rows("status = 'indexed'") == 12


def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    """As typed, each in a process of its own, from a folder that is not the project's."""
    small = ["dataset.uri=corpus", "dataset.videos=6"]
    first = subprocess.run(
        job("index", "+dataset=demo", *small), cwd=tmp_path, capture_output=True, text=True
    )
    assert first.returncode == exits.EXIT_OK, first.stderr
    assert first.stderr == ""
    again = subprocess.run(
        job("index", "+dataset=demo", *small), cwd=tmp_path, capture_output=True, text=True
    )
    assert "nothing to do" in again.stdout
    command = job("query", "+dataset=demo", *small, "text=it's a red star, or so")
    answered = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert answered.returncode == exits.EXIT_OK, answered.stderr
    assert answered.stderr == ""
    (folder,) = (tmp_path / "data/demo/queries").iterdir()
    reranked = subprocess.run([*command, "rerank=3"], cwd=tmp_path, capture_output=True, text=True)
    assert (reranked.returncode, reranked.stderr) == (exits.EXIT_OK, "")
    (other,) = set((tmp_path / "data/demo/queries").iterdir()) - {folder}
    again = pq.read_table(other / "results.parquet")
    assert [score is None for score in again["rerank_score"].to_pylist()] == [
        rank > 3 for rank in again["rank"].to_pylist()
    ]
    assert {path.name for path in folder.iterdir()} >= {
        "results.parquet",
        "results.json",
        "results.csv",
        "contact_sheet.html",
    }
    assert pq.read_table(folder / "results.parquet").num_rows > 0
    visible = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
    assert visible == {"data", "corpus"}  # jobs leave nothing else lying about


def test_bad_files_print_a_summary_and_nothing_else(tmp_path: Path) -> None:
    write_video(tmp_path / "corpus" / "good.mp4", ["red"])
    (tmp_path / "corpus" / "[red]list.mp4").write_text("#EXTM3U\n/etc/passwd\n")
    command = job("index", "+dataset=folder", "dataset.uri=corpus", "embedder=fake")
    ended = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}
    )
    assert (ended.returncode, ended.stderr) == (exits.EXIT_SOME_FAILED, "")
    assert "such as [red]list.mp4: " in ended.stdout


@pytest.mark.parametrize("name", ["index", "query"])
def test_a_mistake_is_one_line_and_starts_nothing(name: str, tmp_path: Path) -> None:
    answered = subprocess.run(
        job(name, "+dataset=dmeo"), cwd=tmp_path, capture_output=True, text=True
    )
    assert answered.returncode == exits.EXIT_USAGE
    assert answered.stderr.count("\n") == 1
    assert "did you mean 'demo'" in answered.stderr
    assert not list(tmp_path.iterdir())

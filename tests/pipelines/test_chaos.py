"""A little of what `python -m tests.chaos` does: parts that die, an S3 that stutters, and four
at once.

The drivers here are processes of their own that join the tests' Ray, as on a cluster.
"""

import random
import time
import uuid
from collections import Counter
from pathlib import Path

import boto3
import pytest
import ray
from dying_actors import StarvedDecodeActor, dying_writer_actor, unready_decode_actor
from small_videos import IndexJob
from warm_actors import WarmActors

from tests.chaos import writers
from tests.chaos.corpus import Corpus
from tests.chaos.job import Command, Job, run
from tests.chaos.proxy import Faults, proxy
from tests.chaos.reader import Reader
from tests.chaos.state import faults, shown, storage_at
from trawl.config.data import StorageConfig
from trawl.exits import EXIT_OK
from trawl.storage import Storage

SMALL = ("resources.decode_actors=1", "resources.embed_actors=1", "resources.embed_threads=1")
COMMITS = ("table.commit_rows=20", "table.commit_every_s=1")


@pytest.fixture
def settings(local_ray: WarmActors) -> tuple[str, ...]:
    """Of a job in a process of its own, on the Ray that is here."""
    local_ray.clear()
    return (*SMALL, *COMMITS, f"resources.address={ray.get_runtime_context().gcs_address}")


def test_a_driver_killed_three_times_loses_and_doubles_nothing(
    settings: tuple[str, ...], tmp_path: Path
) -> None:
    chance = random.Random(5)
    corpus = Corpus(str(tmp_path / "corpus"), 16, seed=5)
    command = Command(corpus.uri, str(tmp_path / "root"), settings)
    with Reader(command.root, tmp_path / "nights.jsonl") as reader:
        reader.night(corpus.rows)
        for event, number in (("planned", 1), ("committed", 1), ("committed", 2)):
            job = Job(command)
            assert job.wait_for(event, number)
            time.sleep(chance.random() / 10)
            assert job.kill(), "it ended before it was killed"
        ended = run(command)
    assert ended.code == EXIT_OK, ended.words
    assert not reader.seen.wrong
    published = shown(storage_at(command.root))
    assert faults(published, [corpus.rows]) == [] and not published.failed
    assert len(published.rows) == 16


def test_an_s3_that_stutters_and_loses_answers(
    settings: tuple[str, ...], s3_endpoint: str, tmp_path: Path
) -> None:
    where = f"chaos-{uuid.uuid4().hex[:8]}"
    boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1").create_bucket(
        Bucket=where
    )
    corpus = Corpus(f"s3://{where}/corpus", 8, seed=1, endpoint=s3_endpoint)
    with proxy(s3_endpoint, Faults(errors=0.05, lost=0.2, seed=1)) as through:
        root = f"s3://{where}/index"
        command = Command(
            corpus.uri, root, (*settings, f"resources.scratch={tmp_path}"), through.url
        )
        for _ in range(4):
            ended = run(command)
            assert ended.explained, ended.words
            if ended.code == EXIT_OK:
                break
    assert ended.code == EXIT_OK, ended.words
    assert through.faults.seen["lost"] and through.faults.seen["requests"] > 50, (
        "the proxy was not in between"
    )
    published = shown(storage_at(root, s3_endpoint))
    assert faults(published, [corpus.rows]) == [] and not published.failed


def test_a_check_does_not_give_up_at_the_first_wrong_answer(s3_endpoint: str) -> None:
    where = f"chaos-{uuid.uuid4().hex[:8]}"
    boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1").create_bucket(
        Bucket=where
    )
    with proxy(s3_endpoint, Faults(errors=0.05, seed=3)) as through:
        storage = Storage.open(StorageConfig(root=f"s3://{where}/index", endpoint=through.url))
        for _ in range(15):
            storage.check(write=True)
    assert through.faults.seen["answered"] < through.faults.seen["requests"]


def test_four_writers_on_one_table(tmp_path: Path) -> None:
    finding = writers.at_one_table(2, tmp_path)
    assert finding.held, finding.figure


def test_of_four_jobs_one_runs_at_a_time(settings: tuple[str, ...], tmp_path: Path) -> None:
    corpus = Corpus(str(tmp_path / "corpus"), 4, seed=2)
    finding = writers.jobs_at_once(Command(corpus.uri, str(tmp_path / "root"), settings), corpus)
    assert finding.held, finding.figure


def test_faults_are_seen() -> None:
    """The check itself: what it must tell apart."""
    night = {"a.mp4": 5, "b.mp4": 3}

    def state(rows: dict[str, int], doubled: int = 0, failed: tuple[str, ...] = ()) -> list[str]:
        from tests.chaos.state import Shown

        return faults(
            Shown(1, Counter(rows), doubled, frozenset(failed), dict(rows)), [{"old.mp4": 1}, night]
        )

    assert state(night) == state({"a.mp4": 5}, failed=("b.mp4",)) == state({"old.mp4": 1}) == []
    assert state(night, doubled=2) == ["2 rows doubled"]
    assert "rows are missing" in state({"a.mp4": 5})[0]
    assert state({"a.mp4": 5, "b.mp4": 2})
    assert state(night | {"old.mp4": 1})


def test_a_dead_writer_is_replaced_and_costs_no_video(
    index: IndexJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "die"
    marker.touch()
    monkeypatch.setattr("trawl.index.fleet.WriterActor", dying_writer_actor(marker))
    assert index("table.commit_rows=1").outcomes == {"indexed": 3}
    assert not marker.exists()


def test_an_actor_that_dies_while_it_starts_is_replaced(
    index: IndexJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "die"
    marker.touch()
    monkeypatch.setattr("trawl.index.fleet.DecodeActor", unready_decode_actor(marker))
    assert index().outcomes == {"indexed": 3}
    assert not marker.exists()


def test_an_embedder_that_rays_memory_monitor_killed_is_no_bug_of_ours(
    index: IndexJob, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trawl.index.fleet.DecodeActor", StarvedDecodeActor)
    (corpus / "a" / "red.kill").touch()
    assert index().outcomes == {"indexed": 3}

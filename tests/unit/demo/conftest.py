"""One small corpus for all tests of the demo: eight videos, of which one is turned and one has a variable frame rate."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from trawl.demo import corpus


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory) -> Path:
    return corpus.ensure(tmp_path_factory.mktemp("demo") / "corpus", seed=43, videos=8)


@pytest.fixture(scope="session")
def truth_videos(small_corpus):
    return {row["video_id"]: row for row in pq.read_table(small_corpus / "truth" / "videos.parquet").to_pylist()}


@pytest.fixture(scope="session")
def truth_objects(small_corpus):
    return pq.read_table(small_corpus / "truth" / "objects.parquet").to_pylist()

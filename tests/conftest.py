"""What tests share: two S3 servers, a real browser, the folder of real clips and one small drawn
corpus.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from tests.s3 import ceph as ceph_server
from trawl.demo import corpus

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

collect_ignore = ["chaos"]  # a program of its own, of hours: `make chaos`

BROWSER_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Files of tests/pipelines and tests/s3 that share a Ray, and a Ceph where one needs it: two halves
# that take equally long.
INDEXING = {"chaos", "failures_job", "index_job", "index_to_query", "nightly_job", "nights", "pool"}
TRACKING = {"evaluate_job", "no_credentials", "notebooks", "on_a_real_s3", "read_run", "robustness"}
TRACKING |= {"sweep", "track_job", "access", "objects", "same_as_elsewhere"}
# The longest first, so that no process is left alone with one in the end.
LONGEST = ("indexing", "tracking", "tests/pipelines/test_growing_cluster.py")


def group_of(nodeid: str) -> str:
    """Tests of a group run in one process, so that each fixture and each server is made once."""
    file = nodeid.partition("::")[0]
    name = Path(file).stem.removeprefix("test_")
    if file.startswith(("tests/pipelines/", "tests/s3/")) and name in INDEXING | TRACKING:
        return "indexing" if name in INDEXING else "tracking"
    return file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {group: rank for rank, group in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(group_of(item.nodeid), len(LONGEST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share out groups. pytest-xdist's own `loadgroup` has no effect under pytest 9.2: it sets an
    attribute of tests that pytest does not read any more.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Groups(config, log)


@pytest.fixture(scope="session")
def aws_environment() -> Iterator[None]:
    """The variables by which any client finds its credentials; the test server takes every
    credential.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "AWS_PROFILE",
            "AWS_SESSION_TOKEN",
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_S3",
            "AWS_REGION",
        ):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret-7f3a")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def s3_endpoint(aws_environment: None) -> Iterator[str]:
    """The URL of an S3 server in a thread, without buckets."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def ceph(aws_environment: None) -> Iterator[ceph_server.Ceph]:
    """A real S3 server that knows the credentials of `aws_environment`.

    Missing in CI: a failure, elsewhere a reason to skip.
    """
    if missing := ceph_server.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(
                f"no {', '.join(missing)} on this machine: install Ceph, S3 must be tested on a real server"
            )
        pytest.skip(f"no {', '.join(missing)} on this machine: no real S3 server to test on")
    with ceph_server.temporary() as server:
        keys = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        server.user("trawl", *keys, caps="user-policy=*")
        yield server


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["BrowserContext"]:
    """A headless Chromium. Missing in CI is a failure, elsewhere a reason to skip."""
    from playwright.sync_api import sync_playwright

    executable = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if executable is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no chromium on this machine: install it, pages must be seen by a browser")
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=executable,
            headless=True,
            args=BROWSER_FLAGS,
        )
        yield context
        context.close()


@pytest.fixture(scope="session")
def real_videos() -> Path:
    """A folder of real clips: REAL_VIDEOS.

    Missing in CI is a failure, elsewhere a reason to skip.
    """
    folder = os.environ.get("REAL_VIDEOS")
    if not folder:
        if os.environ.get("CI"):
            pytest.fail("REAL_VIDEOS is not set: CI must test on real clips")
        pytest.skip("REAL_VIDEOS is not set: no real clips to test on")
    return Path(folder)


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Eight drawn videos, of which one is turned and one has a variable frame rate.

    Read-only: all processes that share the tests share it.
    """
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        folder = folder.parent
    with (folder / "corpus.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return corpus.ensure(folder / "corpus", seed=43, videos=8)


@pytest.fixture(scope="session")
def truth_videos(small_corpus):
    return {
        row["video_id"]: row
        for row in pq.read_table(small_corpus / "truth" / "videos.parquet").to_pylist()
    }


@pytest.fixture(scope="session")
def truth_objects(small_corpus):
    return pq.read_table(small_corpus / "truth" / "objects.parquet").to_pylist()

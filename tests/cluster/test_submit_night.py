"""The small script of the plain CronJob, against an API that answers as Kubernetes's does."""

import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import pytest

from .conftest import KUBERAY, render

Jobs = dict[str, dict[str, Any]]
PATH = "/apis/ray.io/v1/namespaces/trawl/rayjobs"


@pytest.fixture(scope="module")
def night() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "submit_night", KUBERAY / "nightly-cronjob" / "submit_night.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def jobs() -> Jobs:
    """What the API holds: at first, the suspended template."""
    template = next(one for one in render("nightly-cronjob") if one["kind"] == "RayJob")
    return {"trawl-nightly": template}


@pytest.fixture
def server(jobs: Jobs) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            assert self.headers["Authorization"] == "Bearer token"
            path, _, query = self.path.partition("?")
            if path == PATH:
                assert query == "labelSelector=trawl.io/night%3Dtrawl-nightly"
                labelled = [
                    one
                    for one in jobs.values()
                    if "trawl.io/night" in one["metadata"].get("labels", {})
                ]
                self._answer(200, {"items": labelled})
            else:
                name = path.rpartition("/")[2]
                self._answer(200, jobs[name]) if name in jobs else self._answer(404, {})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = body["metadata"]["name"]
            if name in jobs:
                self._answer(409, {})
            else:
                jobs[name] = body
                self._answer(201, body)

        def do_DELETE(self) -> None:
            del jobs[self.path.rpartition("/")[2]]
            self._answer(200, {})

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_night_is_asked_for_once(night: ModuleType, jobs: Jobs, server: str) -> None:
    api = night.Api(server, "trawl", "token", None)
    assert (
        night.submit(api, "trawl-nightly", "20261121")
        == "trawl-nightly-20261121 was asked for; 0 old ones deleted"
    )
    assert night.submit(api, "trawl-nightly", "20261121").startswith(
        "trawl-nightly-20261121 is there already"
    )
    made = jobs["trawl-nightly-20261121"]
    assert made["spec"] == jobs["trawl-nightly"]["spec"] | {"suspend": False}
    assert jobs["trawl-nightly"]["spec"]["suspend"] is True


def test_old_nights_go_and_running_ones_stay(night: ModuleType, jobs: Jobs, server: str) -> None:
    for day in range(1, 21):
        made = night.tonight(jobs["trawl-nightly"], f"202611{day:02d}")
        made["metadata"]["creationTimestamp"] = f"2026-11-{day:02d}T01:00:00Z"
        made["status"] = {"jobDeploymentStatus": "Running" if day == 1 else "Complete"}
        jobs[made["metadata"]["name"]] = made
    night.submit(night.Api(server, "trawl", "token", None), "trawl-nightly", "20261121")
    assert set(jobs) == {"trawl-nightly", "trawl-nightly-20261101"} | {
        f"trawl-nightly-202611{day:02d}" for day in range(7, 22)
    }


def test_a_refusal_is_not_hidden(night: ModuleType, server: str) -> None:
    with pytest.raises(Exception, match="404"):
        night.submit(night.Api(server, "trawl", "token", None), "another", "20261121")


def test_a_nights_name_is_short_enough_for_its_cluster(night: ModuleType) -> None:
    """KubeRay takes 47 characters at most for a RayJob."""
    template = next(one for one in render("nightly-cronjob") if one["kind"] == "RayJob")
    assert len(night.tonight(template, "20261121")["metadata"]["name"]) <= 47

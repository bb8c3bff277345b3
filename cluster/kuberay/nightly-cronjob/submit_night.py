"""Make tonight's RayJob of a suspended one, and delete what earlier nights left.

Runs in a CronJob's pod.

Talks to the Kubernetes API with the pod's own account; needs Python and nothing else. The name
holds the day, so a pod that is started twice in one night asks for the same RayJob, and the second
is told that it is there.
"""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NIGHT = "trawl.io/night"
KEPT = 14  # RayJobs of earlier nights
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_CONFLICT = 409
_TIMEOUT_S = 30


def tonight(template: dict[str, Any], day: str) -> dict[str, Any]:
    """The RayJob of a day: the template's, no longer suspended."""
    name = template["metadata"]["name"]
    labels = {**template["metadata"].get("labels", {}), NIGHT: name}
    return {
        "apiVersion": template["apiVersion"],
        "kind": template["kind"],
        "metadata": {"name": f"{name}-{day}", "labels": labels},
        "spec": {**template["spec"], "suspend": False},
    }


def outdated(jobs: list[dict[str, Any]], kept: int = KEPT) -> list[str]:
    """Names of ended nights that are beyond the newest `kept`; one that still runs is never among
    them.
    """
    ended = [
        job
        for job in jobs
        if job.get("status", {}).get("jobDeploymentStatus") in ("Complete", "Failed")
    ]
    newest_first = sorted(ended, key=lambda job: job["metadata"]["creationTimestamp"], reverse=True)
    return [job["metadata"]["name"] for job in newest_first[kept:]]


class Api:
    """RayJobs of one namespace."""

    def __init__(
        self, server: str, namespace: str, token: str, context: ssl.SSLContext | None
    ) -> None:
        self._base = f"{server}/apis/ray.io/v1/namespaces/{namespace}/rayjobs"
        self._token, self._context = token, context

    def ask(
        self, method: str, path: str = "", body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """What the API answers.

        Raises:
            HTTPError: it refused.
        """
        request = urllib.request.Request(self._base + path, method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header("Content-Type", "application/json")
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(
            request, data, timeout=_TIMEOUT_S, context=self._context
        ) as answer:
            result: dict[str, Any] = json.load(answer)
            return result


def submit(api: Api, name: str, day: str) -> str:
    """Ask for the RayJob of a day, tidy up, and say in a line what was done."""
    job = tonight(api.ask("GET", f"/{name}"), day)
    try:
        api.ask("POST", "", job)
        done = f"{job['metadata']['name']} was asked for"
    except urllib.error.HTTPError as error:
        if error.code != _CONFLICT:
            raise
        done = f"{job['metadata']['name']} is there already"
    old = outdated(api.ask("GET", f"?labelSelector={NIGHT}%3D{name}")["items"])
    for one in old:
        api.ask("DELETE", f"/{one}")
    return f"{done}; {len(old)} old ones deleted"


def main() -> None:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    context = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    token, namespace = (_ACCOUNT / "token").read_text(), (_ACCOUNT / "namespace").read_text()
    api = Api(f"https://{host}:{port}", namespace, token, context)
    sys.stdout.write(submit(api, sys.argv[1], f"{datetime.now(UTC):%Y%m%d}") + "\n")


if __name__ == "__main__":
    main()

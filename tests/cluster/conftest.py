"""What tests of cluster/ share: the manifests as kustomize renders them, and the schemas that they
must satisfy.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "cluster"
KUBERAY = CLUSTER / "kuberay"
OVERLAYS = ("base", "cluster", "index", "track", "nightly", "nightly-cronjob")
KUBERNETES = "1.33"
_LOCAL = "config.kubernetes.io/local-config"


def read(path: Path) -> list[dict[str, Any]]:
    """The documents of a YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def render(overlay: str) -> list[dict[str, Any]]:
    """What `kubectl kustomize` makes of an overlay, for as much of it as ours use; a test compares
    the two.

    The generated name of a ConfigMap lacks its hash.
    """
    folder = KUBERAY / overlay
    kustomization = read(folder / "kustomization.yaml")[0]
    documents = [
        document for name in kustomization["resources"] for document in read(folder / name)
    ]
    for generator in kustomization.get("configMapGenerator", []):
        data = {name: (folder / name).read_text() for name in generator["files"]}
        named = {"metadata": {"name": generator["name"]}, "data": data}
        documents.append({"apiVersion": "v1", "kind": "ConfigMap"} | named)
    for place in [folder, *(folder / name for name in kustomization.get("components", []))]:
        settings = read(place / "kustomization.yaml")[0]
        if settings["kind"] == "Component":
            documents += [
                document for name in settings["resources"] for document in read(place / name)
            ]
        _transform(documents, settings)
    return [
        document
        for document in documents
        if _LOCAL not in document["metadata"].get("annotations", {})
    ]


def _transform(documents: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    for document in documents:
        if "namespace" in settings and document["kind"] != "Namespace":
            document["metadata"]["namespace"] = settings["namespace"]
    for image in settings.get("images", []):
        for found in mappings(documents):
            if found.get("image") == image["name"]:
                found["image"] = f"{image['newName']}:{image['newTag']}"
    for replacement in settings.get("replacements", []):
        source = replacement["source"]
        value = _at(next(d for d in documents if _is(d, source)), source["fieldPath"].split("."))
        for target in replacement["targets"]:
            for document in (d for d in documents if _is(d, target["select"])):
                if document["metadata"].get("annotations", {}).get(_LOCAL):
                    continue
                for path in target["fieldPaths"]:
                    *parents, last = path.split(".")
                    _at(document, parents)[last] = value


def _is(document: dict[str, Any], select: dict[str, str]) -> bool:
    return (
        document["kind"] == select["kind"]
        and select.get("name", document["metadata"]["name"]) == (document["metadata"]["name"])
    )


def _at(document: dict[str, Any], path: list[str]) -> Any:
    for key in path:
        document = document.setdefault(key, {})
    return document


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping inside a document, outermost first."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from mappings(inner)


def pods(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, pod template) of everything that a manifest may start.

    The autoscaler is a container of the head's.
    """
    name = f"{document['kind']} {document['metadata']['name']}"
    if document["kind"] == "CronJob":
        yield name, document["spec"]["jobTemplate"]["spec"]["template"]
    job = document["spec"].get("jobTemplate", document["spec"]) if "spec" in document else {}
    if document["kind"] in ("RayJob", "RayCronJob"):
        yield f"{name}, submitter", job["submitterPodTemplate"]
        job = job["rayClusterSpec"]
    if document["kind"].startswith("Ray"):
        yield (
            f"{name}, head",
            _with_autoscaler(job["headGroupSpec"]["template"], job["autoscalerOptions"]),
        )
        for group in job["workerGroupSpecs"]:
            yield f"{name}, {group['groupName']}", group["template"]


def _with_autoscaler(template: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """As KubeRay's operator does it: the image is the head's unless given."""
    own = (
        "image",
        "imagePullPolicy",
        "env",
        "envFrom",
        "volumeMounts",
        "resources",
        "securityContext",
    )
    head = template["spec"]["containers"]
    autoscaler = {"name": "autoscaler", "image": head[0]["image"]} | {
        k: options[k] for k in own if k in options
    }
    return template | {"spec": template["spec"] | {"containers": [*head, autoscaler]}}


@pytest.fixture(scope="session")
def rendered() -> dict[str, list[dict[str, Any]]]:
    """Overlay -> its documents."""
    return {overlay: render(overlay) for overlay in OVERLAYS}


@pytest.fixture(scope="session")
def validate() -> Callable[[dict[str, Any]], None]:
    """Raises jsonschema.ValidationError where a manifest does not satisfy its schema; unknown
    fields do not.
    """
    ours = jsonschema.Draft202012Validator(read(Path(__file__).with_name("kuberay.yaml"))[0])
    kubernetes = _kubernetes()

    def check(document: dict[str, Any]) -> None:
        if not document["apiVersion"].startswith("ray.io/"):
            kubernetes(document)
            return
        ours.validate(document)
        for _, template in pods(document):
            wrapped = {
                "apiVersion": "v1",
                "kind": "PodTemplate",
                "metadata": {"name": "one"},
                "template": template,
            }
            kubernetes(wrapped)

    return check


def _kubernetes() -> Callable[[dict[str, Any]], None]:
    """Missing in CI is a failure, elsewhere a reason to skip."""
    try:
        import kubernetes_validate
    except ImportError:
        if os.environ.get("CI") == "true":
            pytest.fail(
                "kubernetes-validate is not installed: manifests must be checked against Kubernetes's schemas"
            )
        pytest.skip("kubernetes-validate is not installed")

    def check(document: dict[str, Any]) -> None:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)

    return check


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """Every file below cluster/, by its path there."""
    files = [
        path
        for path in sorted(CLUSTER.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    return {str(path.relative_to(CLUSTER)): path.read_text() for path in files}


def shell_commands(text: str) -> list[str]:
    """The `python -m jobs...` commands in a text, lines that end in a backslash joined."""
    joined = re.sub(r"\\\n\s*", " ", text)
    return [match[0].strip("`' ") for match in re.finditer(r"python -m jobs\.[^\n`#;&|]*", joined)]

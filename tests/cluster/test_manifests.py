"""The Kubernetes manifests: valid, free of secrets, asking for no more than they need, and running
what exists.
"""

import copy
import functools
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from trawl import cli
from trawl.config import choices

from .conftest import KUBERAY, OVERLAYS, ROOT, mappings, pods, read, render, shell_commands

Documents = dict[str, list[dict[str, Any]]]
Validate = Callable[[dict[str, Any]], None]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_manifests_satisfy_their_schemas(
    overlay: str, rendered: Documents, validate: Validate
) -> None:
    assert rendered[overlay]
    for document in rendered[overlay]:
        validate(document)


def _rename(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        found = next(inner for inner in mappings(document) if old in inner)
        found[new] = found.pop(old)

    return change


def _set(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        next(inner for inner in mappings(document) if key in inner)[key] = value

    return change


@pytest.mark.parametrize(
    ("overlay", "kind", "change"),
    [
        ("cluster", "RayCluster", _rename("workerGroupSpecs", "workerGroupSpec")),
        ("cluster", "RayCluster", _rename("minReplicas", "minReplica")),
        ("cluster", "RayCluster", _set("replicas", "two")),
        ("cluster", "RayCluster", _set("num-cpus", 7)),  # rayStartParams are strings
        ("cluster", "RayCluster", _rename("volumeMounts", "volumeMount")),
        ("cluster", "RayCluster", _rename("readOnlyRootFilesystem", "readOnlyRootFileSystem")),
        ("cluster", "RayCluster", _rename("secretKeyRef", "secretRef")),
        ("index", "RayJob", _rename("entrypoint", "entryPoint")),
        # ttlSecondsAfterFinished needs it
        ("index", "RayJob", _set("shutdownAfterJobFinishes", False)),
        ("nightly", "RayCronJob", _set("schedule", "every night")),
        ("nightly", "RayCronJob", _rename("jobTemplate", "rayJobTemplate")),
        ("nightly", "RayCronJob", _set("policy", "DeleteEverything")),
        ("nightly-cronjob", "CronJob", _rename("concurrencyPolicy", "concurrency")),
        ("nightly-cronjob", "Role", _rename("verbs", "verb")),
        ("base", "NetworkPolicy", _rename("podSelector", "podSelectors")),
        ("base", "PodDisruptionBudget", _set("minAvailable", [1])),
    ],
)
def test_validation_sees_mistakes(
    overlay: str,
    kind: str,
    change: Callable[[dict[str, Any]], None],
    rendered: Documents,
    validate: Validate,
) -> None:
    document = copy.deepcopy(next(one for one in rendered[overlay] if one["kind"] == kind))
    change(document)
    with pytest.raises(jsonschema.ValidationError):
        validate(document)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kustomize_renders_what_these_tests_look_at(overlay: str) -> None:
    """Our reading of a kustomization against kubectl's own, where there is one."""
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl on this machine")
    done = subprocess.run(
        ["kubectl", "kustomize", str(KUBERAY / overlay)], capture_output=True, text=True, check=True
    )
    # A generated ConfigMap's name ends in a hash of its content.
    text = re.sub(r"(trawl-submit-night)-[a-z0-9]{10}\b", r"\1", done.stdout)

    def by_name(documents: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
        return {(one["kind"], one["metadata"]["name"]): one for one in documents}

    assert by_name(list(yaml.safe_load_all(text))) == by_name(render(overlay))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_manifests_satisfy_the_operators_own_schemas(overlay: str, rendered: Documents) -> None:
    """KUBERAY_CRDS is the folder ray-operator/config/crd/bases of KubeRay's repository."""
    folder = os.environ.get("KUBERAY_CRDS")
    if folder is None:
        pytest.skip("KUBERAY_CRDS is not set: no operator's schemas to check against")
    schemas = _operators(Path(folder))
    for document in rendered[overlay]:
        if document["apiVersion"] == "ray.io/v1":
            jsonschema.validate(document, schemas[document["kind"]])


@functools.cache
def _operators(folder: Path) -> dict[str, Any]:
    schemas = {}
    for crd in (one for path in folder.glob("*.yaml") for one in read(path)):
        version = next(v for v in crd["spec"]["versions"] if v["name"] == "v1")
        schema = _closed(version["schema"]["openAPIV3Schema"])
        schemas[crd["spec"]["names"]["kind"]] = schema | {
            "properties": schema["properties"] | {"metadata": {}}
        }
    return schemas


def _closed(schema: Any) -> Any:
    """The same, but a property that is not named is refused, and Kubernetes's int-or-string is
    understood.
    """
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if schema.get("x-kubernetes-int-or-string"):
        closed.pop("pattern", None)
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_ask_for_little(overlay: str, rendered: Documents) -> None:
    """Not root, nothing to write but what is mounted, no capability, and a size: what the namespace
    enforces, and more.
    """
    for document in rendered[overlay]:
        for where, template in pods(document):
            spec = template["spec"]
            assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), where
            assert spec["securityContext"]["runAsNonRoot"] is True, where
            assert spec["securityContext"]["runAsUser"] > 0, where
            assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, where
            assert not [volume for volume in spec["volumes"] if "hostPath" in volume], where
            assert all(
                v["emptyDir"].get("sizeLimit") for v in spec["volumes"] if "emptyDir" in v
            ), where
            for container in spec["containers"]:
                _asks_for_little(
                    container, f"{where}, {container['name']}", {v["name"] for v in spec["volumes"]}
                )


def _asks_for_little(container: dict[str, Any], where: str, volumes: set[str]) -> None:
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"] is True, where
    assert security["allowPrivilegeEscalation"] is False, where
    assert security["capabilities"] == {"drop": ["ALL"]}, where
    assert "privileged" not in security, where
    for kind in ("requests", "limits"):
        assert {"cpu", "memory", "ephemeral-storage"} <= container["resources"][kind].keys(), where
    assert {mount["name"] for mount in container["volumeMounts"]} <= volumes, where


def test_secrets_are_references(rendered: Documents, texts: dict[str, str]) -> None:
    secret = re.compile(r"SECRET|PASSWORD|TOKEN|ACCESS_KEY|CREDENTIAL", re.I)
    for document in (one for documents in rendered.values() for one in documents):
        assert document["kind"] != "Secret", "a Secret's content belongs in no file"
        for inner in mappings(document):
            if secret.search(str(inner.get("name", ""))) and "value" in inner:
                raise AssertionError(f"{document['kind']}: {inner['name']} has a literal value")
        if document["kind"] == "ConfigMap":
            assert not [key for key in document["data"] if secret.search(key)]
    known = re.compile(
        r"AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|-----BEGIN|hf_[A-Za-z]{20}|gh[pousr]_\w{20}"
        r"|\b[A-Za-z0-9+/]{40}\b(?<![0-9a-f]{40})"
    )
    for path, text in texts.items():
        assert not known.search(text), (
            f"{path} holds what looks like a credential: {known.search(text)}"
        )


def test_one_image_everywhere_and_it_is_named(rendered: Documents) -> None:
    images = {
        container["image"]
        for documents in rendered.values()
        for document in documents
        for _, template in pods(document)
        for container in template["spec"]["containers"]
    }
    assert len(images) == 1
    assert not images.pop().endswith((":latest", "/trawl", ":"))


def test_what_is_named_is_there(rendered: Documents) -> None:
    """Accounts and ConfigMaps that pods name exist once base is applied; a Secret may be absent."""
    for overlay in OVERLAYS:
        there = {
            (one["kind"], one["metadata"]["name"]) for one in rendered["base"] + rendered[overlay]
        }
        for document in rendered[overlay]:
            for where, template in pods(document):
                spec = template["spec"]
                if account := spec.get("serviceAccountName"):
                    assert ("ServiceAccount", account) in there, where
                for inner in mappings(spec):
                    if reference := inner.get("configMapRef") or inner.get("configMap"):
                        assert ("ConfigMap", reference["name"]) in there, where
                    if "secretKeyRef" in inner:
                        assert inner["secretKeyRef"]["optional"] is True, where


def test_every_pod_is_covered_by_the_network_policy(rendered: Documents) -> None:
    policy = next(one for one in rendered["base"] if one["kind"] == "NetworkPolicy")
    labels = policy["spec"]["podSelector"]["matchLabels"].items()
    for document in (one for documents in rendered.values() for one in documents):
        for where, template in pods(document):
            assert labels <= template["metadata"]["labels"].items(), where


def _commands(texts: dict[str, str], rendered: Documents) -> list[str]:
    written = [command for text in texts.values() for command in shell_commands(text)]
    entrypoints = [
        inner["entrypoint"]
        for docs in rendered.values()
        for d in docs
        for inner in mappings(d)
        if "entrypoint" in inner
    ]
    assert len(entrypoints) >= 4
    return [*written, *entrypoints]


def test_every_command_composes(texts: dict[str, str], rendered: Documents) -> None:
    """Each `python -m jobs...`, in a manifest or in the README, is a command that our settings
    know.
    """
    commands = [command for command in _commands(texts, rendered) if "=" in command]
    for command in commands:
        python, flag, module, *overrides = shlex.split(command)
        assert (python, flag) == ("python", "-m"), command
        job = module.removeprefix("jobs.")
        assert (ROOT / "jobs" / f"{job}.py").exists(), command
        cli.compose(job, choices.JOBS[job], overrides)


def test_the_night_is_the_nightly_job() -> None:
    assert "python -m jobs.nightly " in read_command("nightly")


def test_actors_find_their_places(rendered: Documents) -> None:
    """The actors that a night asks for fit on the nodes that the cluster may add, decode actors on
    decode nodes alone.
    """
    from trawl.runtime.sizes import actors_that_fit, pool_sizes

    night = rendered["nightly"][0]["spec"]["jobTemplate"]
    config = cli.compose(
        "nightly", choices.JOBS["nightly"], shlex.split(read_command("nightly"))[3:]
    )
    resources = config.resources
    spec = night["rayClusterSpec"]
    groups = {group["groupName"]: group for group in spec["workerGroupSpecs"]}
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert groups["gpu"]["rayStartParams"]["num-cpus"] == "0"
    decode, gpu = groups["decode"], groups["gpu"]
    assert decode["minReplicas"] == gpu["minReplicas"] == 0  # the night itself asks for them
    cpus = int(decode["rayStartParams"]["num-cpus"])
    limits = gpu["template"]["spec"]["containers"][0]["resources"]["limits"]
    most = {
        "CPU": float(cpus * decode["maxReplicas"]),
        "GPU": float(limits["nvidia.com/gpu"]) * gpu["maxReplicas"],
    }
    sizes = pool_sizes(resources, most)
    assert (sizes.decode, sizes.embed) == (resources.decode_actors, resources.embed_actors)
    assert sizes.decode % cpus == 0, "a node half used"
    # else they fit on no node that offers a GPU and no CPU
    assert resources.embed_cpus == resources.track_cpus == 0
    assert (
        actors_that_fit("track", resources.track_actors, 0, resources.track_gpus, most)
        == resources.track_actors
    )
    assert resources.wait_s > 0
    memory_mib = (
        int(
            decode["template"]["spec"]["containers"][0]["resources"]["limits"][
                "memory"
            ].removesuffix("Gi")
        )
        * 1024
    )
    store_mib = int(decode["rayStartParams"]["object-store-memory"]) / 2**20
    per_actor_mib = (memory_mib - store_mib) / int(decode["rayStartParams"]["num-cpus"])
    # its decoding process at its limit, and itself
    assert per_actor_mib >= config.decode.max_memory_mb + 1024
    assert len(config.resources.scratch or "") > 0


def read_command(name: str) -> str:
    command: str = read(KUBERAY / "settings" / "commands.yaml")[0]["data"][name]
    return command


def test_versions_are_those_of_the_lock() -> None:
    locked = re.search(r"^ray==(\S+)", (ROOT / "requirements.lock").read_text(), re.M)
    assert locked
    assert read(KUBERAY / "settings" / "shape.yaml")[0]["spec"]["rayVersion"] == locked[1]

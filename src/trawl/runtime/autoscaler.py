"""Reads what a cluster's autoscaler says of itself: whether there is one, and what it has no node
for.

Ray has no public call for it. Version 2, KubeRay's, reports the demands that it can never meet;
version 1, that of `ray up`, only the names of its node types, which for a cluster that somebody
started by hand are made of the nodes' own ids. Where nothing is known, nothing is said.
"""

import json
from collections.abc import Mapping

import ray
from ray._raylet import GcsClient  # type: ignore[attr-defined]
from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply  # type: ignore[attr-defined]
from ray.experimental.internal_kv import _internal_kv_get

_TIMEOUT_S = 5
_STATUS_KEY = "__autoscaling_status"
_BY_HAND = "node_"  # and the node's id: its node types mirror the nodes that there are


def absent() -> bool:
    """Whether the connected cluster is known to have none, as one that was made by `ray start` on
    each machine.
    """
    if _by_client():
        return False
    status = _internal_kv_get(_STATUS_KEY)
    report = (json.loads(status).get("autoscaler_report") or {}) if status else {}
    kinds = {**(report.get("active_nodes") or {}), **(report.get("idle_nodes") or {})}
    return bool(kinds) and all(name.startswith(_BY_HAND) for name in kinds)


def refused() -> list[dict[str, float]]:
    """Bundles of pending placement groups that it has said it can add no node for: none has that,
    or all are taken.
    """
    if _by_client():
        return []
    address = ray.get_runtime_context().gcs_address
    reply = GetClusterStatusReply.FromString(
        GcsClient(address).get_cluster_status(timeout_s=_TIMEOUT_S)
    )
    gangs = reply.autoscaling_state.infeasible_gang_resource_requests
    return [plain(request.resources_bundle) for gang in gangs for request in gang.requests]


def plain(bundle: Mapping[str, float]) -> dict[str, float]:
    """CPUs and GPUs of a bundle; Ray adds resources of its own to those of placement groups."""
    return {name: float(bundle[name]) for name in ("CPU", "GPU") if bundle.get(name)}


def _by_client() -> bool:
    """Whether the connection is by ray://, through which the cluster cannot be asked."""
    return bool(ray.util.client.ray.is_connected())  # type: ignore[no-untyped-call]

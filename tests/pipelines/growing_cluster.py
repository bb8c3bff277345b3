"""A Ray cluster with a real autoscaler, whose nodes are processes of this machine: Ray's own
provider for such tests.

Ray's `AutoscalingCluster` is not used: it begins and ends with `ray stop --force`, which ends every
Ray of the machine.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

_HEAD_ID = "fffffffffffffffffffffffffffffffffffffffffffffffffff00000"
_STARTS = 5
_START_S = 90  # a head whose raylet died over a busy machine says nothing
# Ray gives a node 30 s to start, and its raylet dies where an agent has not said within 15 s on
# which port it listens, and has no setting for either, which on a busy machine is too little:
# importing Ray alone may take that. Read
# by every Python process that inherits the path; what starts nodes is made patient and chooses the
# agents' ports, and an agent
# says the one it was told before it imports anything, yet not at once: a node that is there within
# three seconds is not waited for,
# and a job says nothing of it.
_PATIENCE = """
import os
import sys
import time
if any(name.endswith(("ray.scripts.scripts", "/monitor.py")) for name in sys.orig_argv):
    import socket
    import ray._private.services as services
    from ray._private.parameter import RayParams
    asked = services.get_node
    def patient(*args):
        until = time.monotonic() + 90
        while True:
            try:
                return asked(*args)
            except RuntimeError:
                if time.monotonic() > until:
                    raise
                time.sleep(1)
    services.get_node = patient
    made = RayParams.__init__
    def with_ports(self, *args, **options):
        made(self, *args, **options)
        for name in ("metrics_agent_port", "runtime_env_agent_port", "metrics_export_port", "dashboard_agent_listen_port"):
            with socket.socket() as probe:
                probe.bind(("", 0))
                setattr(self, name, probe.getsockname()[1])
    RayParams.__init__ = with_ports
elif any(name.endswith("/dashboard/agent.py") for name in sys.orig_argv):
    told = dict(name[2:].partition("=")[::2] for name in sys.orig_argv if name.startswith("--"))
    path = os.path.join(told["session-dir"], "dashboard_agent_listen_port_" + told["node-id"])
    time.sleep(4)
    with open(path + ".new", "w") as file:
        file.write(told["listen-port"])
    os.replace(path + ".new", path)
"""
_WATCH = """
import sys
import time
from ray._private.state import GlobalState
from ray._raylet import GcsClientOptions
address, count = sys.argv[1:]
state = GlobalState()
state._initialize_global_state(
    GcsClientOptions.create(address, None, allow_cluster_id_nil=True, fetch_cluster_id_if_nil=False)
)
while True:
    alive = sum(node["Alive"] for node in state.node_table())
    if alive == (alive or -1 if count == "any" else int(count)):
        break
    time.sleep(0.5)
"""
_EMPTY = ("auth", "docker", "file_mounts")
_NONE = (
    "cluster_synced_files",
    "rsync_exclude",
    "rsync_filter",
    "initialization_commands",
    "setup_commands",
)
_NONE += (
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)


@contextlib.contextmanager
def growing_cluster(
    folder: Path, kinds: dict[str, dict[str, float]], version: int
) -> Iterator[str]:
    """A head without CPUs, to which nodes are added when they are asked for.

    Args:
        folder: for its files.
        kinds: name -> resources of a kind of node; two of each at most, none to begin with.
        version: of the autoscaler: 2 is KubeRay's, 1 that of `ray up`.

    Yields:
        Its address.
    """
    (folder / "path").mkdir(exist_ok=True)
    (folder / "path" / "sitecustomize.py").write_text(_PATIENCE)
    for _ in range(_STARTS):
        address = f"{_own_ip()}:{_free_port()}"
        head = _start(folder, address, kinds, version)
        try:
            if _is_up(address, head):
                yield address
                return
        finally:
            _end(head)
    raise AssertionError((folder / "head.log").read_text()[-2000:])


def wait_for_nodes(address: str, count: int, limit_s: float) -> bool:
    """Whether the cluster has that many nodes beside its head before the time is over."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        with _watch(address, str(count + 1)) as watch, contextlib.suppress(TimeoutError):
            while watch.poll() is None:
                _rest_until(until)
            if watch.returncode == 0:
                return True
    return False


def _start(
    folder: Path, address: str, kinds: dict[str, dict[str, float]], version: int
) -> subprocess.Popen[bytes]:
    config: dict[str, Any] = {
        "cluster_name": "growing",
        "max_workers": 2 * len(kinds),
        "upscaling_speed": 10,
        "idle_timeout_minutes": 0.1,
        "provider": {
            "type": "external",
            "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
            "gcs_address": address,
            "head_node_id": _HEAD_ID,
            "launch_multiple": True,
            # or the older one takes all nodes for one, and none for idle
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            **{
                name: {
                    "resources": {**has, "object_store_memory": 100_000_000},
                    "node_config": {},
                    "max_workers": 2,
                }
                for name, has in kinds.items()
            },
        },
        **{name: {} for name in _EMPTY},
        **{name: [] for name in _NONE},
    }
    # "external" and not "fake_multinode": that one's defaults are a file which Ray's wheel lacks
    (folder / "autoscaler.json").write_text(json.dumps(config))
    environment = os.environ | {
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_FAKE_CLUSTER": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    environment |= {
        "RAY_AUTH_MODE": "disabled",
        "RAY_agent_register_timeout_ms": "240000",
        "PYTHONPATH": str(folder / "path"),
    }
    if version == 2:
        ids = ("RAY_CLOUD_INSTANCE_ID", "RAY_OVERRIDE_NODE_ID_FOR_TESTING")
        environment |= {"RAY_enable_autoscaler_v2": "1"} | dict.fromkeys(ids, _HEAD_ID)
    command = [
        sys.executable,
        "-m",
        "ray.scripts.scripts",
        "start",
        "--head",
        "--block",
        "--include-dashboard=false",
    ]
    command += [
        "--num-cpus=0",
        "--num-gpus=0",
        "--object-store-memory=100000000",
        f"--dashboard-agent-listen-port={_free_port()}",
    ]
    command += [f"--port={address.rpartition(':')[2]}", f"--ray-client-server-port={_free_port()}"]
    command += [f"--autoscaling-config={folder / 'autoscaler.json'}"]
    with (folder / "head.log").open("wb") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)


def _is_up(address: str, head: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + _START_S
    while head.poll() is None and time.monotonic() < until:
        with _watch(address, "any") as watch, contextlib.suppress(TimeoutError):
            while watch.poll() is None and head.poll() is None:
                _rest_until(until)
            if watch.returncode == 0:
                return True
    return False


def _rest_until(until: float) -> None:
    if time.monotonic() > until:
        raise TimeoutError
    time.sleep(0.2)


@contextlib.contextmanager
def _watch(address: str, count: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends well once so many nodes are alive, and with an error if nobody answers.

    In a process of its own, because a test may be connected to another Ray.
    """
    environment = os.environ | {"RAY_AUTH_MODE": "disabled"}
    watch = subprocess.Popen(
        [sys.executable, "-c", _WATCH, address, count], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield watch
    finally:
        watch.kill()
        watch.wait()


def _end(head: subprocess.Popen[bytes]) -> None:
    """All that it started as well: its nodes are children of its autoscaler."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(head.pid)
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
    head.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def _own_ip() -> str:
    import ray

    return str(ray.util.get_node_ip_address())

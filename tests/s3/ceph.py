"""A real S3 server for tests: a Ceph of one monitor, one object store in memory and one gateway, on
the loopback only.

Needs Debian's radosgw, ceph-mon, ceph-osd and ceph-base, and no root. Ready within about 15 s; it
lies in one folder and ends with its process. By hand: `python tests/s3/ceph.py FOLDER` serves until
Ctrl-C.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

PROGRAMS = (
    "radosgw",
    "radosgw-admin",
    "ceph",
    "ceph-mon",
    "ceph-osd",
    "ceph-authtool",
    "monmaptool",
    "setpriv",
)
_PATIENCE_S = 120  # a busy machine takes several times its 15 s

_SETTINGS = """
[global]
fsid = {fsid}
mon_host = v2:127.0.0.1:{mon_port}
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
run_dir = {folder}
log_file = {folder}/$name.log
keyring = {folder}/$name.keyring
mon_data = {folder}/mon
osd_data = {folder}/osd
rgw_data = {folder}/rgw
pid_file =
crash_dir = {folder}
# In memory, one copy of everything, few placement groups: it holds megabytes, for a minute.
osd_objectstore = memstore
memstore_device_bytes = 4G
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
# The fullness of the machine's disk is none of its business.
mon_data_avail_crit = 0
mon_data_avail_warn = 0
rgw_frontends = beast endpoint=127.0.0.1:{port}
rgw_dynamic_resharding = false
# Temporary credentials, for seconds where a test wants to see them expire.
rgw_s3_auth_use_sts = true
rgw_sts_key = 0123456789abcdef
rgw_sts_min_session_duration = 1
"""


def missing() -> list[str]:
    """The programs that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class Ceph:
    """A running server. Use it as a context manager.

    url: where it answers; it has no users and no buckets until `user` makes one.
    """

    def __init__(self, folder: Path) -> None:
        """folder: is made; a short path, because Unix sockets lie in it."""
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self._port, self._mon_port = _free_port(), _free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> "Ceph":
        try:
            self._monitor()
            self._store()
            self._gateway()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            process.kill()
            process.wait()

    def user(self, name: str, access_key: str, secret_key: str, caps: str = "") -> None:
        """A user with these keys, who may make buckets. caps: of administration, such as
        "roles=*;user-policy=*".
        """
        keys = [f"--access-key={access_key}", f"--secret-key={secret_key}"]
        rights = [f"--caps={caps}"] if caps else []
        self._admin("user", "create", f"--uid={name}", f"--display-name={name}", *keys, *rights)

    def _monitor(self) -> None:
        self._folder.mkdir(parents=True)
        for name in ("mon", "osd", "rgw"):
            (self._folder / name).mkdir()
        fsid = str(uuid.uuid4())
        places = {"folder": self._folder, "port": self._port, "mon_port": self._mon_port}
        (self._folder / "ceph.conf").write_text(_SETTINGS.format(fsid=fsid, **places))
        everything = [
            "--cap",
            "mon",
            "allow *",
            "--cap",
            "osd",
            "allow *",
            "--cap",
            "mgr",
            "allow *",
        ]
        admin, mon = self._folder / "client.admin.keyring", self._folder / "mon.a.keyring"
        self._run("ceph-authtool", "-C", str(admin), "--gen-key", "-n", "client.admin", *everything)
        self._run(
            "ceph-authtool", "-C", str(mon), "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"
        )
        self._run("ceph-authtool", str(mon), "--import-keyring", str(admin))
        monmap, address = str(self._folder / "monmap"), f"[v2:127.0.0.1:{self._mon_port}]"
        self._run("monmaptool", "--create", "--addv", "a", address, "--fsid", fsid, monmap)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", str(mon))
        self._start("ceph-mon", "-f", "-i", "a")

    def _store(self) -> None:
        key = str(uuid.uuid4())
        self._until(lambda: self._ceph("osd", "new", key) == "0", "the monitor")
        rights = ["mon", "allow profile osd", "osd", "allow *"]
        self._ceph(
            "auth", "get-or-create", "osd.0", *rights, "-o", str(self._folder / "osd.0.keyring")
        )
        rights = ["mon", "allow rw", "osd", "allow rwx"]
        self._ceph(
            "auth",
            "get-or-create",
            "client.rgw",
            *rights,
            "-o",
            str(self._folder / "client.rgw.keyring"),
        )
        self._run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", key)
        self._ceph("osd", "crush", "add", "osd.0", "1.0", "root=default", "host=local")
        self._start("ceph-osd", "-f", "-i", "0")
        self._until(lambda: "1 up" in self._ceph("osd", "stat"), "the object store")

    def _gateway(self) -> None:
        self._start("radosgw", "-f", "-n", "client.rgw")
        self._until(self._answers, "the gateway")

    def _answers(self) -> bool:
        with urlopen(self.url, timeout=5) as answer:
            return bool(answer.status == 200)

    def _ceph(self, *args: str) -> str:
        return self._run("ceph", "--connect-timeout", "10", *args).strip()

    def _admin(self, *args: str) -> str:
        return self._run("radosgw-admin", "-n", "client.rgw", *args)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, timeout=_PATIENCE_S
        )
        if done.returncode:
            raise OSError(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def _start(self, *command: str) -> None:
        with (self._folder / f"{command[0]}.out").open("wb") as out:
            # a test run that is killed leaves no server behind
            tied = ["setpriv", "--pdeathsig", "KILL", *command]
            self._running.append(
                subprocess.Popen(tied, env=self._environment(), stdout=out, stderr=out)
            )

    def _environment(self) -> dict[str, str]:
        return os.environ | {"CEPH_CONF": str(self._folder / "ceph.conf")}

    def _until(self, ready: Callable[[], bool], what: str) -> None:
        until, complaint = time.monotonic() + _PATIENCE_S, ""
        while time.monotonic() < until:
            try:
                if ready():
                    return
            except (OSError, subprocess.TimeoutExpired) as error:
                complaint = str(error)
            if any(process.poll() is not None for process in self._running):
                break
            time.sleep(0.1)
        outs = "".join(
            path.read_text(errors="replace")[-500:] for path in sorted(self._folder.glob("*.out"))
        )
        raise OSError(f"{what} of Ceph did not come up in {self._folder}: {complaint} {outs}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def temporary() -> Iterator[Ceph]:
    """A server in a folder of its own under the system's temporary folder, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ceph-") as folder, Ceph(Path(folder) / "c") as ceph:
        yield ceph


if __name__ == "__main__":
    with Ceph(Path(sys.argv[1]).absolute()) as server, contextlib.suppress(KeyboardInterrupt):
        server.user("by-hand", "testkey", "testsecret")
        print(f"{server.url} access key testkey, secret testsecret")
        while True:
            time.sleep(3600)

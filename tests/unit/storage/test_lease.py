"""One writer at a time, whoever dies, sleeps or has a wrong clock."""

import subprocess
import sys
import threading
import time

import pytest

from trawl.errors import LeaseError
from trawl.storage import Storage, lease
from trawl.storage.lease import hold

TTL_S = 1.2


def take(storage: Storage, job: str = "index"):
    return hold(storage, "cats", job, TTL_S)


def test_one_holder_at_a_time(storage: Storage) -> None:
    with take(storage, "nightly") as held:
        held.check()
        began = time.monotonic()
        with pytest.raises(
            LeaseError,
            match=r"is held by nightly on .* \(process \d+, since .*one job writes a dataset",
        ):
            take(storage).__enter__()
        assert time.monotonic() - began < TTL_S, "a live holder is known by its next beat"
    with take(storage) as held:
        held.check()


def test_datasets_do_not_wait_for_each_other(storage: Storage) -> None:
    with take(storage), hold(storage, "dogs", "index", TTL_S) as other:
        other.check()


def test_a_dead_process_of_this_machine_is_not_waited_for(local_storage: Storage) -> None:
    code = (
        "import os, sys; from trawl.config.jobs import StorageConfig; from trawl.storage import Storage;"
        "from trawl.storage.lease import hold;"
        "hold(Storage.open(StorageConfig(root=sys.argv[1])), 'cats', 'index', 600.0).__enter__(); os.kill(os.getpid(), 9)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code, local_storage.root], check=False).returncode
        == -9
    )
    heard = []
    with hold(local_storage, "cats", "index", 600.0, heard.append) as held:
        held.check()
    assert not heard


def test_a_silent_holder_elsewhere_is_watched_and_then_replaced(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = take(storage)
    silent.__enter__()
    (thread,) = (t for t in threading.enumerate() if t.name == "lease")
    monkeypatch.setattr(lease, "_host", lambda: "another machine")
    dead = lease.Lease.__new__(lease.Lease)
    dead.__dict__.update(thread._target.__self__.__dict__)
    dead._over.set()  # it is as if its machine had stopped: no beat, no release
    thread.join()
    heard = []
    began = time.monotonic()
    with hold(storage, "cats", "index", TTL_S, heard.append) as held:
        assert time.monotonic() - began >= TTL_S
        assert [holder.job for holder in heard] == ["index"]
        held.check()
        with pytest.raises(LeaseError, match="taken over while this job could not be heard"):
            dead.check()


def test_a_holder_whose_beats_do_not_arrive_commits_nothing(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trawl.errors import StorageError

    with take(storage) as held:
        held.check()

        def refuse(self: Storage, name: str, data: bytes) -> None:
            raise StorageError("away")

        monkeypatch.setattr(Storage, "write_bytes", refuse)
        time.sleep(1.5 * TTL_S)
        with pytest.raises(
            LeaseError, match=r"could not be renewed for 1\.2 s: nothing more is committed"
        ):
            held.check()


def test_of_many_at_once_one_gets_it(storage: Storage) -> None:
    outcomes: list[str] = []
    inside = threading.Lock()

    def compete() -> None:
        try:
            with take(storage):
                assert inside.acquire(blocking=False), "two hold it"
                time.sleep(TTL_S / 2)
                inside.release()
                outcomes.append("held")
        except LeaseError:
            outcomes.append("refused")

    threads = [threading.Thread(target=compete) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 6
    assert "held" in outcomes


def test_a_number_that_was_cleared_away_meanwhile_is_no_lease(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow one sees the first lease, sleeps through the second, and wakes when the third is held."""
    wait, waited = lease._wait_for_silence, []

    def slow(*args: object) -> None:
        if waited or threading.current_thread() is not threading.main_thread():
            wait(*args)
            return
        waited.append(args)
        with take(storage):
            pass
        waited.append(take(storage, "the third"))
        waited[-1].__enter__()

    with take(storage):
        pass
    monkeypatch.setattr(lease, "_wait_for_silence", slow)
    with pytest.raises(LeaseError, match="is held by the third"):
        take(storage, "the slow one").__enter__()
    waited[-1].__exit__(None, None, None)


def test_leases_leave_nothing_behind_but_the_last(storage: Storage) -> None:
    for _ in range(3):
        with take(storage):
            pass
    assert set(storage.names("cats/lease")) <= {"3.json", "3.beat", "3.released"}

"""Time's up: nothing new begins, and it is said why."""

import os
import signal
import threading

import pytest

from trawl.runtime.clock import Deadline


def test_without_limit_all_items_pass() -> None:
    deadline = Deadline()
    assert list(deadline.within(range(5))) == [0, 1, 2, 3, 4]
    assert not deadline.stopped


def test_after_max_hours_nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    deadline = Deadline(2.0)
    items = deadline.within(range(5))
    assert next(items) == 0
    now[0] += 7199
    assert next(items) == 1
    now[0] += 1
    assert list(items) == []
    assert deadline.stopped == "max_hours=2"


def test_a_deadline_after_the_last_item_stopped_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    deadline = Deadline(1.0)
    items = deadline.within(range(1))
    assert next(items) == 0
    now[0] += 10_000
    assert list(items) == []
    assert not deadline.stopped


def test_a_first_sigterm_ends_the_time_and_the_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    deadline = Deadline()
    with deadline.watching():
        items = deadline.within(range(3))
        assert next(items) == 0
        os.kill(os.getpid(), signal.SIGTERM)
        assert list(items) == []
        assert signal.getsignal(signal.SIGTERM) == before, "a second one ends the process"
    assert deadline.stopped == "terminated"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_second_sigterm_ends_the_process_also_where_a_job_runs_within_another() -> None:
    before = signal.getsignal(signal.SIGTERM)
    deadline = Deadline()
    with deadline.watching(), deadline.watching():
        os.kill(os.getpid(), signal.SIGTERM)
        assert deadline.over()
        assert signal.getsignal(signal.SIGTERM) == before


def test_beside_the_main_thread_signals_are_left_alone() -> None:
    seen = []

    def work() -> None:
        with Deadline().watching():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]

"""Progress in a log: a plain line now and then, with what is left."""

import io

import pytest
from rich.console import Console

from trawl.runtime import progress
from trawl.runtime.progress import IndexProgress, format_s, seconds_left


@pytest.mark.parametrize(("done", "total", "left"), [(0, 10, None), (5, 10, 20.0), (10, 10, 0.0)])
def test_time_left_is_by_bytes(done: float, total: float, left: float | None) -> None:
    assert seconds_left(done, total, 20.0) == left


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0s"), (59.96, "60.0s"), (60, "1m00s"), (3599, "59m59s"), (3600, "1h00m")],
)
def test_durations_as_people_read_them(seconds: float, text: str) -> None:
    assert format_s(seconds) == text


def test_a_log_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_EVERY_S", 0.0)
    out = io.StringIO()
    with IndexProgress(Console(file=out, width=200), videos=3, size_bytes=30) as bar:
        bar.frames(7)
        bar.video(10, failed=False)
        bar.video(10, failed=True)
    last = out.getvalue().splitlines()[-1]
    assert last.startswith("2/3 videos, 7 frames")
    assert "1 failed" in last and "left" in last
    assert "\x1b" not in out.getvalue()

import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from trawl.config.data import DecodeConfig, SamplingConfig
from trawl.decode.reader import read
from trawl.decode.sandbox import DecodeSandbox
from trawl.errors import VideoError
from trawl.records.video import DecodeReport, FrameBatch, ImageSpec, Reason

SPEC = ImageSpec(64, "squash")
HALF = SamplingConfig("interval", every_s=0.5)
LIMITS = DecodeConfig()


@pytest.fixture(scope="module")
def sandbox():
    with DecodeSandbox(LIMITS) as box:
        yield box


def misbehaving(name: str, **limits) -> DecodeSandbox:
    return DecodeSandbox(DecodeConfig(**{"timeout_s": 20.0, **limits}), handler=f"misbehave:{name}")


def run(box: DecodeSandbox, path: Path = Path("any.mp4")) -> list[FrameBatch | DecodeReport]:
    return list(box.decode(path, HALF, SPEC))


def reason_of(box: DecodeSandbox, path: Path = Path("any.mp4")) -> tuple[Reason, str]:
    with pytest.raises(VideoError) as caught:
        run(box, path)
    return caught.value.reason, caught.value.message


def test_what_comes_out_is_what_the_reader_made(
    sandbox: DecodeSandbox, clip: Callable[[str], Path]
):
    (inside, report), (outside, expected) = (
        run(sandbox, clip("plain.mp4")),
        read(clip("plain.mp4"), HALF, SPEC, LIMITS),
    )
    for column in ("frames", "frame_index", "time_s", "shot", "substituted"):
        assert np.array_equal(getattr(inside, column), getattr(outside, column))
    assert np.array_equal(report.probe.times_s, expected.probe.times_s)
    assert (report.decoder, report.frames_decoded) == (expected.decoder, expected.frames_decoded)
    assert report.cpu_s > 0
    assert 10 < report.peak_mb < 2048


def test_probe(sandbox: DecodeSandbox, clip: Callable[[str], Path]):
    probe = sandbox.probe(clip("offset.mkv"))
    assert (probe.container, probe.codec, probe.width, probe.height) == (
        "matroska",
        "h264",
        320,
        240,
    )
    assert (probe.times_s[0], len(probe.times_s), round(probe.fps, 3)) == (5.0, 60, 25.0)
    assert probe.duration_s == pytest.approx(2.4, abs=2e-3)


ENDS = {
    "abort": (Reason.DECODER_CRASHED, "SIGABRT"),
    "mutter_and_abort": (
        Reason.DECODER_CRASHED,
        "SIGABRT; its last words: [h264 @ 0x1] early | [h264 @ 0x1]  [2Jodd | Assertion",
    ),
    "segfault": (Reason.DECODER_CRASHED, "SIGSEGV"),
    "killed": (Reason.OUT_OF_MEMORY, "memory"),
    "eat": (Reason.OUT_OF_MEMORY, "max_memory_mb=256"),
    "leave": (Reason.DECODER_CRASHED, "SystemExit"),
    "stumble": (Reason.DECODER_CRASHED, "a thing nobody thought of"),
    "write": (Reason.DECODER_CRASHED, "File too large"),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_bad_end_is_one_videos_reason(name: str, tmp_path: Path):
    reason, words = ENDS[name]
    with misbehaving(name, max_memory_mb=256) as box:
        got, message = reason_of(box, tmp_path / "any.mp4")
        assert got is reason
        assert words in message
        # and the next video has a process again
        assert reason_of(box, tmp_path / "any.mp4")[0] is reason


@pytest.mark.parametrize("name", ["hang", "spin", "trickle"])
def test_no_end_by_the_deadline(name: str):
    with misbehaving(name, timeout_s=1.0) as box:
        started = time.monotonic()
        reason, message = reason_of(box)
        assert reason is Reason.DECODER_TIMEOUT
        assert "decode.timeout_s=1" in message
        assert 0.9 < time.monotonic() - started < 10
        zygote = psutil.Process(box._zygote._process.pid)
        assert zygote.children() == []


def test_a_slow_consumer_does_not_count_against_the_deadline():
    with misbehaving("burst", timeout_s=1.0) as box:
        count = 0
        for _ in box.decode("any.mp4", HALF, SPEC):
            time.sleep(0.5)
            count += 1
        assert count == 4


def test_noise_on_stderr_stays_inside(capfd: pytest.CaptureFixture[str]):
    with misbehaving("shout") as box:
        assert len(run(box)) == 1
    assert capfd.readouterr() == ("", "")


def test_credentials_stay_outside(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    with misbehaving("tell_environment") as box:
        names = reason_of(box)[1].split()
    assert "PATH" in names
    assert not [name for name in names if "AWS" in name]


def test_a_zygote_that_died_is_replaced(clip: Callable[[str], Path]):
    with DecodeSandbox(LIMITS) as box:
        box.probe(clip("one.mp4"))
        box._zygote._process.kill()
        box._zygote._process.wait()
        assert len(box.probe(clip("one.mp4")).times_s) == 1


def test_a_zygote_that_dies_as_a_job_begins_is_replaced(
    clip: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
):
    with DecodeSandbox(LIMITS) as box:
        box.start()
        box._zygote._process.kill()
        box._zygote._process.wait()
        # as it was a moment ago
        monkeypatch.setattr("trawl.decode.processes.Zygote.alive", lambda zygote: True)
        assert len(box.probe(clip("one.mp4")).times_s) == 1


def test_a_zygote_that_dies_under_a_job_costs_that_job(clip: Callable[[str], Path]):
    with misbehaving("hang") as box:
        stream = box.decode("any.mp4", HALF, SPEC)
        next(stream)
        box._zygote._process.kill()
        with pytest.raises(VideoError) as caught:
            next(stream)
        assert caught.value.reason is Reason.DECODER_CRASHED


def test_a_handler_that_cannot_be_loaded_is_a_bug():
    with (
        DecodeSandbox(LIMITS, handler="no_such_module:run") as box,
        pytest.raises(RuntimeError, match="no_such_module"),
    ):
        box.probe("any.mp4")


def test_closing_the_iterator_or_starting_another_job_ends_the_process():
    with misbehaving("hang") as box:
        first = box.decode("any.mp4", HALF, SPEC)
        next(first)
        zygote = psutil.Process(box._zygote._process.pid)
        assert len(zygote.children()) == 1
        first.close()
        assert zygote.children() == []
        second = box.decode("any.mp4", HALF, SPEC)
        next(second)
        third = box.decode("any.mp4", HALF, SPEC)
        next(third)
        assert len(zygote.children()) == 1


def test_nothing_outlives_a_parent_that_is_killed():
    code = (
        "from trawl.decode.sandbox import DecodeSandbox\n"
        "from trawl.config.jobs import DecodeConfig, SamplingConfig\n"
        "from trawl.records.video import ImageSpec\n"
        "import psutil, sys\n"
        "box = DecodeSandbox(DecodeConfig(), handler='misbehave:spin')\n"
        "stream = box.decode('any.mp4', SamplingConfig('interval'), ImageSpec(8, 'squash'))\n"
        "next(stream)\n"
        "print(*[p.pid for p in psutil.Process().children(recursive=True)], flush=True)\n"
        "sys.stdin.read()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        deadline = time.monotonic() + 10
        while any(_runs(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [pid for pid in pids if _runs(pid)] == []


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_many_videos_leave_nothing_behind(clip: Callable[[str], Path], tmp_path: Path):
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    with DecodeSandbox(LIMITS) as box:
        run(box, clip("one.mp4"))
        gc.collect()
        zygote = psutil.Process(box._zygote._process.pid)
        before = psutil.Process().num_fds(), zygote.num_fds()
        for _ in range(25):
            run(box, clip("one.mp4"))
            assert reason_of(box, text)[0] is Reason.NOT_A_VIDEO
        gc.collect()
        assert (psutil.Process().num_fds(), zygote.num_fds()) == before
        assert zygote.children() == []
    assert not _runs(zygote.pid)


def test_the_parent_loads_no_decoder():
    code = "import sys, trawl.decode.sandbox; print([m for m in ('av', 'decord', 'cv2', 'torch', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_script_that_names_other_files_is_refused(
    sandbox: DecodeSandbox, clip: Callable[[str], Path], tmp_path: Path
):
    canary = clip("plain.mp4")
    scripts = {
        "hls.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{canary}\n#EXT-X-ENDLIST\n",
        "concat.mp4": f"ffconcat version 1.0\nfile '{canary}'\n",
        "bare.mp4": f"file '{canary}'\n",
    }
    for name, content in scripts.items():
        (tmp_path / name).write_text(content)
        assert reason_of(sandbox, tmp_path / name)[0] is Reason.PLAYLIST


def test_an_address_is_never_opened(
    sandbox: DecodeSandbox, clip: Callable[[str], Path], tmp_path: Path, monkeypatch
):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/video.mp4"
        monkeypatch.chdir(tmp_path)
        assert reason_of(sandbox, Path(address))[0] is Reason.UNREADABLE
        # a local file of that very name is a local file
        local = tmp_path / address.replace("//", "/")
        local.parent.mkdir(parents=True)
        local.write_bytes(clip("one.mp4").read_bytes())
        assert len(sandbox.probe(address).times_s) == 1
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_header_that_promises_a_huge_picture(sandbox: DecodeSandbox, tmp_path: Path):
    path = tmp_path / "huge.y4m"
    path.write_bytes(b"YUV4MPEG2 W60000 H60000 F25:1 C420\nFRAME\n" + bytes(1000))
    assert reason_of(sandbox, path)[0] in (Reason.TOO_LARGE, Reason.CORRUPT)


def test_a_missing_file_is_unreadable(sandbox: DecodeSandbox, tmp_path: Path):
    assert reason_of(sandbox, tmp_path / "gone.mp4") == (
        Reason.UNREADABLE,
        "cannot read the file: No such file or directory",
    )


def test_real_clips(sandbox: DecodeSandbox, real_clips: list[Path]):
    for path in real_clips:
        *batches, report = run(sandbox, path)
        assert sum(len(batch) for batch in batches) == report.frames_sampled >= 10
        assert report.damage == ""

"""The report job over a made-up run of real little videos; no Ray, no torch."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import followed
import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from trawl import cli, masks
from trawl.config.jobs import ReportJobConfig
from trawl.demo import corpus as demo
from trawl.errors import RunError
from trawl.records.tracking import Clip
from trawl.report.job import ReportOutcome, run

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

Report = Callable[..., ReportOutcome]
VIDEOS, SECONDS = 2, 1.6


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo.ensure(tmp_path_factory.mktemp("report") / "corpus", seed=5, videos=VIDEOS)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report") / "root"


@pytest.fixture(scope="module")
def clips(corpus: Path, root: Path) -> list[Clip]:
    """The clips of the run, which is written below `root`."""
    return followed.follow(corpus, root, "demo", SECONDS)


@pytest.fixture(scope="module")
def report(clips: list[Clip], corpus: Path, root: Path) -> Report:
    """Run the job; overrides as on the command line."""

    def call(*overrides: str, console: Console | None = None) -> ReportOutcome:
        base = [
            "+dataset=demo",
            f"dataset.uri={corpus}",
            f"storage.root={root}",
            "report.side=320",
            *overrides,
        ]
        return run(cli.compose("report", ReportJobConfig, base), console or Console(quiet=True))

    return call


def media_of(outcome: ReportOutcome, suffix: str) -> list[Path]:
    return sorted((Path(outcome.page).parent / "media").glob(f"*{suffix}"))


def test_a_page_with_a_video_for_each_clip(report: Report) -> None:
    console = Console(file=io.StringIO(), width=120)
    outcome = report(console=console)
    page = Path(outcome.page)
    assert page.parts[-5:] == ("demo", "runs", followed.RUN, "report", "index.html")
    assert (outcome.shown, outcome.notes, outcome.counts.clips) == (VIDEOS, {}, VIDEOS)
    html = page.read_text()
    named = set(re.findall(r"media/([\w-]+\.\w+)", html))
    assert named == {path.name for path in page.parent.glob("media/*")} and len(named) == 3 * VIDEOS
    assert html.count('<g class="bar"') == outcome.counts.tracks
    assert "TrawlDemoCLIP/demo@aa11" in html and "broken.mp4" in html
    assert str(page) in console.file.getvalue()  # type: ignore[attr-defined]


def test_the_video_shows_every_frame_at_its_time(report: Report, clips: list[Clip]) -> None:
    outcome, clip = report(), clips[0]
    with av.open(clip.uri) as source:
        times = [frame.time for frame in source.decode(video=0)]
    (path,) = [path for path in media_of(outcome, ".mp4") if path.stem == clip.clip_id]
    with av.open(str(path)) as back:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in back.decode(video=0)]
    inside = [time_s - times[0] for time_s in times if clip.start_s <= time_s < clip.end_s]
    assert [round(time_s, 3) for time_s, _ in frames] == [round(time_s, 3) for time_s in inside]
    assert max(frames[0][1].shape[:2]) == 320


def test_masks_are_drawn_where_the_objects_are(
    report: Report, clips: list[Clip], corpus: Path
) -> None:
    clip = clips[0]
    (path,) = [path for path in media_of(report(), ".mp4") if path.stem == clip.clip_id]
    drawn, bare = first_picture(path), first_picture(Path(clip.uri))
    truth = pq.read_table(corpus / "truth" / "objects.parquet").to_pylist()
    inside = np.zeros(bare.shape[:2], np.bool_)
    for row in truth:
        if row["video_id"] == clip.video_id and row["frame_index"] == 0:
            inside |= masks.decode(row["rle"], row["height"], row["width"])
    size = drawn.shape[1::-1]
    inside = cv2.resize(inside.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)
    change = np.abs(cv2.resize(bare, size, interpolation=cv2.INTER_AREA).astype(int) - drawn).mean(
        axis=-1
    )
    assert inside.any() and change[inside].mean() > 15 > 5 > np.median(change[~inside])


def first_picture(path: Path) -> np.ndarray:
    """As displayed."""
    with av.open(str(path)) as source:
        frame = next(source.decode(video=0))
    return np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)


@pytest.mark.parametrize(("shown", "order"), [(0, "best"), (1, "best"), (1, "doubtful")])
def test_the_setting_says_how_many_have_pictures(shown: int, order: str, report: Report) -> None:
    outcome = report(f"report.clips={shown}", f"report.order={order}")
    html = Path(outcome.page).read_text()
    assert html.count("<video ") == shown and len(media_of(outcome, ".mp4")) == shown, (
        "older pictures are swept away"
    )
    rest = html[html.index('<table class="rest">') :]
    assert rest.count("<tr>") - 1 == VIDEOS - shown
    assert ("most doubtful first" in html) == (order == "doubtful")


@pytest.mark.parametrize("what", ["gone", "changed", "broken"])
def test_a_missing_video_costs_only_itself(what: str, report: Report, clips: list[Clip]) -> None:
    path = Path(clips[0].uri)
    good, times = path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    try:
        if what == "gone":
            path.unlink()
        else:
            path.write_bytes(good + b"x" if what == "changed" else bytes(len(good)))
        if what == "broken":
            os.utime(path, ns=times)  # its fingerprint does not tell
        outcome = report()
    finally:
        path.write_bytes(good)
        os.utime(path, ns=times)
    (note,) = outcome.notes.values()
    assert list(outcome.notes) == [clips[0].clip_id]
    assert ("gone or has changed" in note) == (what != "broken")
    html = Path(outcome.page).read_text()
    assert html.count("<video ") == VIDEOS - 1 and html.count("<img ") == VIDEOS
    assert note in unescape(html)


def test_a_run_that_is_not_there_is_one_line(report: Report) -> None:
    with pytest.raises(RunError, match=followed.RUN) as caught:
        report("run=20260101T000000Z-nonono")
    assert "\n" not in str(caught.value)


def test_a_run_without_its_summary_is_shown_all_the_same(report: Report, root: Path) -> None:
    record = root / "demo" / "runs" / followed.RUN / "run.json"
    content = record.read_bytes()
    try:
        record.unlink()
        outcome = report("report.clips=0", f"run={followed.RUN}")
    finally:
        record.write_bytes(content)
    assert outcome.counts.tracks and "Failures" not in Path(outcome.page).read_text()


@pytest.mark.browser
def test_a_browser_plays_what_the_job_wrote(report: Report, browser: "BrowserContext") -> None:
    outcome = report()
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(Path(outcome.page).as_uri())
    assert page.locator("video").count() == VIDEOS
    for k in range(VIDEOS):
        video = page.locator("video").nth(k)
        video.scroll_into_view_if_needed()
        state, width, height = video.evaluate(
            """async video => {
                await video.play();
                await new Promise(resolve => video.requestVideoFrameCallback(resolve));
                video.pause();
                return [video.readyState, video.videoWidth, video.videoHeight];
            }"""
        )
        assert state >= 2
        assert (str(width), str(height)) == (
            video.get_attribute("width"),
            video.get_attribute("height"),
        )
        bars = page.locator("article").nth(k).locator("g.bar").count()
        assert bars == page.locator("article").nth(k).locator("tbody tr").count() > 0
    assert complaints == []
    page.close()


def test_the_job_imports_neither_ray_nor_torch() -> None:
    code = "import sys, trawl.report.job; print([m for m in ('ray', 'torch', 'lance') if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"

"""Pictures of cases from real little videos and their truth; no Ray, no torch."""

import os
from pathlib import Path

import cv2
import followed
import numpy as np
import pytest

from trawl import masks
from trawl.config.data import DecodeConfig, StorageConfig
from trawl.demo import corpus as demo
from trawl.evaluate.page.page import ShownCase
from trawl.evaluate.page.pictures import EvaluatedRun, picture_cases
from trawl.evaluate.truth.demo import DemoTruth
from trawl.records.search import Source
from trawl.records.tracking import Clip
from trawl.records.truth import Case, TruthObject
from trawl.storage import Storage

SECONDS = 1.6


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo.ensure(tmp_path_factory.mktemp("cases") / "corpus", seed=5, videos=2)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases") / "root"


@pytest.fixture(scope="module")
def clips(corpus: Path, root: Path) -> list[Clip]:
    """The clips of a run that is perfect but for its gaps, written below `root`."""
    return followed.follow(corpus, root, "demo", SECONDS)


@pytest.fixture
def judged(clips: list[Clip], corpus: Path, root: Path) -> EvaluatedRun:
    storage = Storage.open(StorageConfig(root=str(root)))
    return EvaluatedRun(
        storage,
        "demo",
        followed.RUN,
        DemoTruth(Storage.open(StorageConfig(root=str(corpus / "truth")))),
    )


def shown(judged: EvaluatedRun, clips: list[Clip], *cases: Case) -> list[ShownCase]:
    sources = {clip.video_id: Source(clip.uri, clip.fingerprint, SECONDS) for clip in clips}
    return picture_cases(
        judged, cases, sources, DecodeConfig(), StorageConfig(root=str(judged.storage.root))
    )


def largest(judged: EvaluatedRun, clip: Clip) -> tuple[TruthObject, int]:
    """The object that is best seen soon after the start, and its place in the columns."""
    found = []
    for thing in judged.truth.video(clip.video_id).objects:
        place = int(np.searchsorted(thing.frame_index, 20))
        if place < len(thing.frame_index) and thing.frame_index[place] == 20:
            sides = thing.boxes[place]
            found.append(
                (
                    float((sides[2] - sides[0]) * (sides[3] - sides[1])),
                    thing.object_id,
                    thing,
                    place,
                )
            )
    return max(found)[2:]


def decoded(one: ShownCase) -> np.ndarray:
    assert one.picture is not None, one.note
    return cv2.cvtColor(
        cv2.imdecode(np.frombuffer(one.picture, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB
    )


def test_the_right_frame_with_the_truth_around_the_object(
    judged: EvaluatedRun, clips: list[Clip]
) -> None:
    clip = clips[0]
    video = judged.truth.video(clip.video_id)
    thing, place = largest(judged, clip)
    bare, framed = shown(
        judged,
        clips,
        Case("ranked", "nothing there", 1.0, "late", clip.video_id, 20),
        Case("missed", "nothing there", 1.0, "missed", clip.video_id, 20, thing.object_id),
    )
    before, after = decoded(bare), decoded(framed)
    assert before.shape == after.shape and framed.size == after.shape[1::-1]
    assert bare.time_s == framed.time_s == video.time_s[np.searchsorted(video.frame_index, 20)]
    rle = thing.rles[place]
    assert rle is not None
    inside = cv2.resize(masks.decode(rle, video.height, video.width).astype(np.uint8), framed.size)
    ring = cv2.dilate(inside, np.ones((9, 9))) - cv2.erode(inside, np.ones((9, 9)))
    change = np.abs(before.astype(int) - after).mean(axis=-1)
    assert change[ring > 0].mean() > 25 > 3 > np.median(change)


def test_the_runs_own_tracks_of_that_text_are_drawn(
    judged: EvaluatedRun, clips: list[Clip]
) -> None:
    clip = clips[0]
    thing, _ = largest(judged, clip)
    text = clip.targets[0].phrase
    track = f"{clip.clip_id}-{thing.object_id}"
    bare, of_text, of_track = shown(
        judged,
        clips,
        Case("ranked", "nothing there", 1.0, "late", clip.video_id, 20),
        Case("false", text, 1.0, "false", clip.video_id, 20),
        Case("false", "nothing there", 1.0, "false", clip.video_id, 20, track_id=track),
    )
    for drawn in (of_text, of_track):
        assert np.abs(decoded(bare).astype(int) - decoded(drawn)).max(axis=-1).mean() > 0.5


def test_a_text_alone_has_no_picture_and_no_excuse(judged: EvaluatedRun, clips: list[Clip]) -> None:
    (one,) = shown(judged, clips, Case("ranked", "a red star", 3.0, "nothing right is listed"))
    assert (one.picture, one.note, one.time_s) == (None, "", None)


@pytest.mark.parametrize("what", ["gone", "changed", "broken", "unknown"])
def test_a_missing_video_costs_only_its_own_picture(
    what: str, judged: EvaluatedRun, clips: list[Clip]
) -> None:
    cases = [Case("missed", "x", 1.0, "m", clip.video_id, 3) for clip in clips]
    path = Path(clips[0].uri)
    good, times = path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    known = clips[1:] if what == "unknown" else clips
    try:
        if what == "gone":
            path.unlink()
        elif what != "unknown":
            path.write_bytes(good + b"x" if what == "changed" else bytes(len(good)))
        if what == "broken":
            os.utime(path, ns=times)
        lost, kept = shown(judged, known, *cases)
    finally:
        path.write_bytes(good)
        os.utime(path, ns=times)
    assert lost.picture is None and lost.note and kept.picture
    assert ("gone or has changed" in lost.note) == (what in ("gone", "changed"))


def test_equal_cases_give_equal_pictures(judged: EvaluatedRun, clips: list[Clip]) -> None:
    case = Case("missed", "x", 1.0, "m", clips[0].video_id, 3, 0)
    assert shown(judged, clips, case) == shown(judged, clips, case)

"""Every crafted file ends as the right pictures at the right times, or as the right reason."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from crafted import VARIABLE, damage, number_of, numbered, write_video

from trawl.config.data import DecodeConfig, SamplingConfig
from trawl.decode.reader import BATCH, read
from trawl.errors import VideoError
from trawl.records.video import DecodeReport, FrameBatch, ImageSpec, Reason

SPEC = ImageSpec(64, "squash")
EVERY = SamplingConfig("interval", every_s=0.001)
HALF = SamplingConfig("interval", every_s=0.5)
LIMITS = DecodeConfig()

GOOD = [
    "plain.mp4",
    "bframes.mp4",
    "opengop.mp4",
    "fragmented.mp4",
    "faststart.mp4",
    "sound.mp4",
    "offset.mp4",
    "offset.mkv",
    "variable.mp4",
    "odd.mp4",
    "hevc10.mp4",
    "hevc_opengop.mp4",
    "av1.mp4",
    "vp8.webm",
    "vp9.webm",
    "prores.mov",
    "mjpeg.mov",
    "h264.avi",
    "mpeg4.avi",
    "transport.ts",
    "onekey.ts",
    "program.mpg",
    "flash.flv",
    "windows.wmv",
    "broadcast.mxf",
    "moving.gif",
    "raw.h264",
    "raw.hevc",
]


def everything(
    path: Path, sampling: SamplingConfig = EVERY, limits: DecodeConfig = LIMITS, span=None
) -> tuple[FrameBatch, DecodeReport]:
    """All batches as one, and the report."""
    *batches, report = read(path, sampling, SPEC, limits, span)
    assert isinstance(report, DecodeReport)
    assert all(0 < len(batch) <= BATCH for batch in batches)
    columns = ("frames", "frame_index", "time_s", "shot", "substituted")
    empty = [
        np.empty((0, 64, 64, 3), np.uint8),
        *(np.empty(0, t) for t in (np.int64, float, np.int32, bool)),
    ]
    joined = [
        np.concatenate([e, *(getattr(b, name) for b in batches)]) for name, e in zip(columns, empty)
    ]
    return FrameBatch(*joined), report


def numbers(batch: FrameBatch) -> list[int]:
    return [number_of(picture) for picture in batch.frames]


@pytest.mark.parametrize("name", GOOD)
def test_every_picture_and_a_sample_are_the_right_ones(clip: Callable[[str], Path], name: str):
    batch, report = everything(clip(name))
    assert numbers(batch) == batch.frame_index.tolist() == list(range(60))
    assert np.array_equal(batch.time_s, report.probe.times_s)
    assert (report.damage, report.frames_substituted, report.frames_sampled) == ("", 0, 60)
    sample, report = everything(clip(name), HALF)
    assert numbers(sample) == sample.frame_index.tolist()
    assert 4 <= len(sample) <= 6
    assert (report.damage, report.frames_substituted) == ("", 0)


TIMES = {
    "plain.mp4": np.arange(60) / 25,
    "offset.mp4": 5 + np.arange(60) / 25,
    "offset.mkv": 5 + np.arange(60) / 25,
    "variable.mp4": np.array(VARIABLE) / 100,
    "raw.h264": np.arange(60) / 25,
    # AVI keeps decode times only, and its pictures are stored out of order
    "h264.avi": np.arange(60) / 25,
}


@pytest.mark.parametrize("name", TIMES)
def test_times_are_the_true_presentation_times(clip: Callable[[str], Path], name: str):
    batch, _ = everything(clip(name))
    np.testing.assert_allclose(batch.time_s, TIMES[name], atol=1e-3)


def test_one_frame_is_a_video(clip: Callable[[str], Path]):
    batch, report = everything(clip("one.mp4"), HALF)
    assert numbers(batch) == [0]
    assert report.probe.fps == 0.0


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, turn: int):
    upright = [numbered(i, 320, 240) for i in range(5)]
    stored = [np.ascontiguousarray(np.rot90(picture, turn // 90)) for picture in upright]
    batch, report = everything(write_video(tmp_path / "turned.mp4", frames=stored, rotate=turn))
    assert numbers(batch) == list(range(5))
    assert (report.probe.width, report.probe.height, report.probe.rotation_deg) == (320, 240, turn)


def test_three_by_five_pixels(tmp_path: Path):
    grey = [np.full((5, 3, 3), 20 * i, np.uint8) for i in range(10)]
    batch, _ = everything(write_video(tmp_path / "tiny.mp4", frames=grey, pix_fmt="yuv444p"))
    np.testing.assert_allclose(batch.frames.mean(axis=(1, 2, 3)), 20 * np.arange(10), atol=6)


DAMAGED = [
    "plain.mp4",
    "bframes.mp4",
    "opengop.mp4",
    "offset.mkv",
    "transport.ts",
    "mpeg4.avi",
    "prores.mov",
]


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("at", [0.37, 0.55, 0.8])
def test_what_damage_touches_is_flagged_or_missing(
    clip: Callable[[str], Path], tmp_path: Path, name: str, at: float
):
    sound, _ = everything(clip(name))
    # random bytes may be H.264 that decodes, which nobody can tell: it carries no checksum
    for seed in range(5):
        batch, report = everything(
            damage(Path(shutil.copy(clip(name), tmp_path)), at, count=300, seed=seed)
        )
        if report.damage:
            break
    place = {round(time, 3): i for i, time in enumerate(sound.time_s)}
    assert len(batch) >= 40
    wrong = 0
    for picture, time, flagged in zip(batch.frames, batch.time_s, batch.substituted):
        differs = np.abs(picture.astype(int) - sound.frames[place[round(time, 3)]]).mean() > 2
        wrong += differs
        assert flagged or not differs, f"a wrong picture at {time:.2f} s is not flagged"
    assert report.frames_substituted == batch.substituted.sum()
    assert report.damage or (not wrong and len(batch) == 60)


def test_a_file_cut_short_gives_what_is_there(clip: Callable[[str], Path], tmp_path: Path):
    path = tmp_path / "cut.mp4"
    data = clip("faststart.mp4").read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    batch, report = everything(path)
    assert 25 <= len(batch) < 50
    right = ~batch.substituted
    assert right.sum() >= 25
    assert np.array(numbers(batch))[right].tolist() == batch.frame_index[right].tolist()
    assert report.damage


def test_a_time_stamp_beyond_reason_is_damage(tmp_path: Path):
    path = write_video(tmp_path / "wild.mkv", frames=20, times=[*range(19), 25 * 10**7])
    batch, report = everything(path)
    assert numbers(batch) == list(range(19))
    assert report.probe.duration_s < 1
    assert "time stamps beyond reason" in report.damage


def cut(path: Path, to: Path, share: float) -> Path:
    data = path.read_bytes()
    to.write_bytes(data[: int(len(data) * share)])
    return to


def until(path: Path, to: Path, box: bytes, more: int = -4) -> Path:
    """The file up to where a box begins, or `more` bytes behind its name."""
    data = path.read_bytes()
    to.write_bytes(data[: data.index(box) + (more if more < 0 else len(box) + more)])
    return to


def renamed(path: Path, to: Path, old: bytes, new: bytes) -> Path:
    """The same file with one word replaced everywhere."""
    to.write_bytes(path.read_bytes().replace(old, new))
    return to


REFUSED: dict[str, tuple[Callable[[Callable[[str], Path], Path], Path], Reason]] = {
    "no index": (lambda clip, to: cut(clip("plain.mp4"), to, 0.6), Reason.TRUNCATED),
    "index alone": (lambda clip, to: until(clip("faststart.mp4"), to, b"mdat"), Reason.TRUNCATED),
    "index and nothing of the pictures": (
        lambda clip, to: until(clip("faststart.mp4"), to, b"mdat", 4),
        Reason.TRUNCATED,
    ),
    "sound alone": (lambda clip, _: clip("sound.m4a"), Reason.NO_VIDEO_STREAM),
    "no stream": (lambda clip, to: cut(clip("offset.mkv"), to, 0.002), Reason.NO_FRAMES),
    "noise in the index": (
        lambda clip, to: noise_in(clip("plain.mp4"), to, b"stsd"),
        Reason.CORRUPT,
    ),
    "a codec of the future": (
        lambda clip, to: renamed(clip("plain.mp4"), to, b"avc1", b"zzz9"),
        Reason.UNSUPPORTED_CODEC,
    ),
    "noise in all pictures": (
        lambda clip, to: noise_in(clip("faststart.mp4"), to, b"mdat", 1 << 30),
        Reason.CORRUPT,
    ),
}


def noise_in(path: Path, to: Path, box: bytes, count: int = 60) -> Path:
    """The same file with noise behind the name of a box."""
    data = bytearray(path.read_bytes())
    start = data.index(box) + 4
    end = min(len(data), start + count)
    data[start:end] = np.random.default_rng(0).bytes(end - start)
    to.write_bytes(data)
    return to


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_usable_has_its_reason(clip: Callable[[str], Path], tmp_path: Path, name: str):
    make, reason = REFUSED[name]
    with pytest.raises(VideoError) as caught:
        everything(make(clip, tmp_path / "bad.mp4"))
    assert caught.value.reason is reason, caught.value.message


def test_limits_are_kept(clip: Callable[[str], Path]):
    for limits in (DecodeConfig(max_pixels=320 * 240 - 1), DecodeConfig(max_bytes=1000)):
        with pytest.raises(VideoError) as caught:
            everything(clip("plain.mp4"), limits=limits)
        assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "name", ["opengop.mp4", "offset.mkv", "transport.ts", "variable.mp4", "raw.h264", "vp9.webm"]
)
@pytest.mark.parametrize(
    "sampling", [EVERY, HALF, SamplingConfig("keyframes", every_s=0.1), SamplingConfig("scenes")]
)
def test_spans_add_up_to_the_whole(
    clip: Callable[[str], Path], name: str, sampling: SamplingConfig
):
    whole, _ = everything(clip(name), sampling)
    first, last = whole.time_s[0] - 1, whole.time_s[-1] + 1
    edges = [-np.inf, first + 1.3, first + 2.1, float(whole.time_s[len(whole) // 2]), np.inf]
    edges = sorted(min(edge, last) if edge != np.inf else edge for edge in edges)
    parts = [everything(clip(name), sampling, span=span)[0] for span in itertools.pairwise(edges)]
    for column in ("frame_index", "time_s", "shot", "frames"):
        assert np.array_equal(
            np.concatenate([getattr(part, column) for part in parts]), getattr(whole, column)
        )


@pytest.mark.parametrize(
    "name", ["long.mp4", "long.mkv", "long.ts", "long.mpg", "long.avi", "long.flv"]
)
def test_a_span_far_into_a_video_is_reached_from_a_keyframe_before_it(tmp_path: Path, name: str):
    codec = {"long.mpg": "mpeg2video", "long.avi": "mpeg4", "long.flv": "flv"}.get(name, "libx264")
    path = write_video(tmp_path / name, frames=900, size=(64, 48), gop=50, codec=codec, noise=0)
    whole, _ = everything(path, HALF)
    start = float(whole.time_s[0])
    batch, report = everything(path, HALF, span=(start + 20.0, start + 22.0))
    assert batch.frame_index.tolist() == [500, 513, 525, 538]
    assert numbers(batch) == [index % 256 for index in batch.frame_index]
    assert report.frames_substituted == 0
    assert report.frames_decoded <= 100


def test_real_clips_decode_without_a_complaint(real_clips: list[Path]):
    for path in real_clips:
        batch, report = everything(path, SamplingConfig("interval", every_s=2.0))
        assert (
            len(batch) == int((report.probe.times_s[-1] - report.probe.times_s[0] + 1e-3) // 2) + 1
        )
        assert (report.damage, report.frames_substituted, report.decoder) == ("", 0, "pyav")

"""Files have the pictures and times that were written; equal pictures give equal bytes."""

import gc
import weakref
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import decord
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from trawl.config.data import DecodeConfig
from trawl.decode.sandbox import DecodeSandbox
from trawl.demo import words
from trawl.demo.render import Canvas
from trawl.demo.scene import sample
from trawl.draw.video import TICK_S, write_copy, write_mp4, write_video
from trawl.errors import VideoError
from trawl.records.tracking import ClipFrames
from trawl.records.video import Reason

JITTERED = (Fraction(1, 90_000), (0, 2800, 6400, 9100, 15_000, 18_001, 20_500, 26_000))
STEADY = (Fraction(1, 25), tuple(range(8)))
CASES = {
    "upright": (STEADY, (96, 160), 0),
    "turned-90": (STEADY, (96, 160), 90),
    "turned-180": (STEADY, (96, 160), 180),
    "turned-270": (STEADY, (96, 160), 270),
    "variable": (JITTERED, (120, 152), 0),
    "variable-turned": (JITTERED, (120, 152), 90),
}


@pytest.fixture(scope="module")
def scene():
    return sample(np.random.default_rng(0), words.SEEN[:3], 5.0)


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_both_decoders_agree_with_what_was_written(scene, tmp_path, case):
    (time_base, ticks), size, rotation = CASES[case]
    canvas = Canvas(scene, *size)
    pictures = [canvas.at(float(tick * time_base)).image for tick in ticks]
    for name in ("one.mp4", "two.mp4"):
        write_mp4(tmp_path / name, pictures, ticks, time_base, rotation)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()

    with av.open(str(tmp_path / "one.mp4")) as file:
        frames = list(file.decode(video=0))
        times = [frame.pts * frame.time_base for frame in frames]
        turned = [
            np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90) for frame in frames
        ]
        assert file.streams.video[0].codec_context.name == "h264"
    assert times == [tick * time_base for tick in ticks]
    assert -frames[0].rotation % 360 == rotation

    reader = decord.VideoReader(str(tmp_path / "one.mp4"))
    assert len(reader) == len(ticks)
    for k, picture in enumerate(pictures):
        assert np.abs(turned[k].astype(int) - picture).mean() < 8, "PyAV"
        assert np.abs(reader[k].asnumpy().astype(int) - picture).mean() < 8, "decord"


SIZE = (48, 64)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DecodeSandbox]:
    with DecodeSandbox(DecodeConfig()) as box:
        yield box


def picture(index: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    shown = np.full((*size, 3), 60, np.uint8)
    shown[10:30, index % 30 : index % 30 + 16] = (220, 40, 90)
    return shown


def copy(path: Path, times_s: list[float], size: tuple[int, int] = SIZE, crf: int = 18) -> int:
    return write_copy(
        path, ((picture(index, size), time_s) for index, time_s in enumerate(times_s)), crf
    )


def jittered(count: int) -> list[float]:
    """A variable rate, as phones record it: in ticks of a millisecond."""
    steps = np.random.default_rng(3).integers(8, 90, count)
    return (np.cumsum(steps) / 1000).tolist()


@pytest.mark.parametrize(
    "times_s",
    [
        pytest.param([k / 30 for k in range(70)], id="30 a second, past a keyframe"),
        pytest.param([k * 1001 / 30000 for k in range(20)], id="29.97 a second"),
        pytest.param([k / 24 for k in range(20)], id="24 a second"),
        pytest.param(jittered(40), id="variable rate that begins late"),
        pytest.param([5 + k / 25 for k in range(20)], id="five seconds late"),
        pytest.param([0.0, 0.04, 8.0, 8.04], id="a gap"),
        pytest.param([1.25], id="one picture"),
    ],
)
def test_pictures_keep_their_number_and_times(
    times_s: list[float], tmp_path: Path, sandbox: DecodeSandbox
) -> None:
    assert copy(tmp_path / "a.mp4", times_s) == len(times_s)
    result = sandbox.probe(tmp_path / "a.mp4")
    assert len(result.times_s) == len(times_s)
    assert np.abs(result.times_s - times_s).max() <= TICK_S / 2 + 1e-9
    batches = [
        b for b in sandbox.clip(tmp_path / "a.mp4", (-np.inf, np.inf)) if isinstance(b, ClipFrames)
    ]
    back = np.concatenate([batch.frames for batch in batches])
    assert (
        min(peak_signal_noise_ratio(picture(index), shown) for index, shown in enumerate(back)) > 30
    )


@pytest.mark.parametrize("size", [(48, 64), (49, 64), (48, 63), (35, 37)])
def test_odd_sizes_stay(size: tuple[int, int], tmp_path: Path, sandbox: DecodeSandbox) -> None:
    copy(tmp_path / "a.mp4", [0.0, 0.04, 0.08], size)
    result = sandbox.probe(tmp_path / "a.mp4")
    assert (result.height, result.width, result.rotation_deg) == (*size, 0)


def test_equal_pictures_give_equal_bytes(tmp_path: Path) -> None:
    times_s = [k / 30 for k in range(30)]
    for name in ("a.mp4", "b.mp4"):
        copy(tmp_path / name, times_s)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_higher_crf_is_a_lower_bitrate(tmp_path: Path) -> None:
    sizes = []
    for crf in (18, 32, 44):
        copy(tmp_path / "a.mp4", [k / 30 for k in range(30)], crf=crf)
        sizes.append((tmp_path / "a.mp4").stat().st_size)
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("times_s", [[0.0, 0.04, 0.04], [0.0, 0.04, 0.02], [0.0, 1e-6]])
def test_pictures_that_a_copy_would_merge_are_refused(times_s: list[float], tmp_path: Path) -> None:
    with pytest.raises(VideoError) as caught:
        copy(tmp_path / "a.mp4", times_s)
    assert caught.value.reason is Reason.CORRUPT


TIMES = [5.0, 5.04, 5.08, 5.2, 5.2333, 6.0]


def shades(
    times: list[float], size: tuple[int, int] = (48, 64)
) -> Iterator[tuple[np.ndarray, float]]:
    for n, time_s in enumerate(times):
        yield np.full((*size, 3), 40 * n % 256, np.uint8), time_s


def test_what_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    assert write_video(path, shades(TIMES)) == len(TIMES)
    with av.open(str(path)) as back:
        stream = back.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        frames = list(back.decode(stream))
    assert [round(frame.time, 4) for frame in frames] == [
        round(time_s - 5.0, 4) for time_s in TIMES
    ]
    levels = [frame.to_ndarray(format="rgb24").mean() for frame in frames]
    assert levels == pytest.approx([0, 40, 80, 120, 160, 200], abs=3)


def test_the_index_comes_first(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", shades(TIMES))
    data = (tmp_path / "a.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(
    ("size", "even"), [((47, 63), (48, 64)), ((1, 1), (2, 2)), ((2, 600), (2, 600))]
)
def test_odd_and_small_sizes(size: tuple[int, int], even: tuple[int, int], tmp_path: Path) -> None:
    assert write_video(tmp_path / "a.mp4", shades(TIMES, size)) == len(TIMES)
    with av.open(str(tmp_path / "a.mp4")) as back:
        context = back.streams.video[0].codec_context
        assert (context.height, context.width) == even


def test_times_that_stand_still_are_left_out(tmp_path: Path) -> None:
    assert write_video(tmp_path / "a.mp4", shades([1.0, 1.0, 0.9, 1.1])) == 2


def test_nothing_leaves_nothing(tmp_path: Path) -> None:
    assert write_video(tmp_path / "a.mp4", iter(())) == 0
    assert list(tmp_path.iterdir()) == []


def test_pictures_are_not_kept(tmp_path: Path) -> None:
    alive: set[int] = set()
    most = 0

    def counted() -> Iterator[tuple[np.ndarray, float]]:
        nonlocal most
        for n in range(100):
            picture = np.zeros((32, 32, 3), np.uint8)
            alive.add(n)
            weakref.finalize(picture, alive.discard, n)
            yield picture, n / 10
            del picture
            if n % 20 == 0:
                gc.collect()
            most = max(most, len(alive))

    write_video(tmp_path / "a.mp4", counted())
    assert most <= 4

"""A copy has the pictures, times and size of what it copies."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from trawl.config.data import DecodeConfig
from trawl.decode.sandbox import DecodeSandbox
from trawl.draw.recode import TICK_S, write_copy
from trawl.errors import VideoError
from trawl.records.tracking import ClipFrames
from trawl.records.video import Reason

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
    found = sandbox.probe(tmp_path / "a.mp4")
    assert len(found.times_s) == len(times_s)
    assert np.abs(found.times_s - times_s).max() <= TICK_S / 2 + 1e-9
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
    found = sandbox.probe(tmp_path / "a.mp4")
    assert (found.height, found.width, found.rotation_deg) == (*size, 0)


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

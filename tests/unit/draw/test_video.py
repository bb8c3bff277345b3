"""Files that browsers play, with the times they were given."""

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from trawl.draw.video import write_video

TIMES = [5.0, 5.04, 5.08, 5.2, 5.2333, 6.0]


def pictures(
    times: list[float], size: tuple[int, int] = (48, 64)
) -> Iterator[tuple[np.ndarray, float]]:
    for n, time_s in enumerate(times):
        yield np.full((*size, 3), 40 * n % 256, np.uint8), time_s


def test_what_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    assert write_video(path, pictures(TIMES)) == len(TIMES)
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
    write_video(tmp_path / "a.mp4", pictures(TIMES))
    data = (tmp_path / "a.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(
    ("size", "even"), [((47, 63), (48, 64)), ((1, 1), (2, 2)), ((2, 600), (2, 600))]
)
def test_odd_and_small_sizes(size: tuple[int, int], even: tuple[int, int], tmp_path: Path) -> None:
    assert write_video(tmp_path / "a.mp4", pictures(TIMES, size)) == len(TIMES)
    with av.open(str(tmp_path / "a.mp4")) as back:
        context = back.streams.video[0].codec_context
        assert (context.height, context.width) == even


def test_times_that_stand_still_are_left_out(tmp_path: Path) -> None:
    assert write_video(tmp_path / "a.mp4", pictures([1.0, 1.0, 0.9, 1.1])) == 2


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

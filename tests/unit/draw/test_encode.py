"""A file gives back the pictures that were written, upright and at their times, in both decoders;
and the same bytes.
"""

from fractions import Fraction

import av
import decord
import numpy as np
import pytest

from trawl.demo import words
from trawl.demo.render import Canvas
from trawl.demo.scene import sample
from trawl.draw.encode import write_mp4

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
        write_mp4(tmp_path / name, pictures, ticks, time_base, size, rotation)
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

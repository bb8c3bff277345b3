import numpy as np
import pytest

from trawl.config.data import DecodeConfig
from trawl.decode.container import identify
from trawl.decode.probe import scan

LIMITS = DecodeConfig()

# name: codec, width x height, first time, rate, keyframes
FACTS = {
    "plain.mp4": ("h264", (320, 240), 0.0, 25.0, 6),
    "opengop.mp4": ("h264", (320, 240), 0.0, 25.0, 5),
    "hevc10.mp4": ("hevc", (320, 240), 0.0, 25.0, 6),
    "av1.mp4": ("av1", (320, 240), 0.0, 25.0, 5),
    "vp8.webm": ("vp8", (320, 240), 0.0, 25.0, 5),
    "odd.mp4": ("h264", (321, 243), 0.0, 25.0, 6),
    "offset.mkv": ("h264", (320, 240), 5.0, 25.0, 6),
    "variable.mp4": ("h264", (320, 240), 0.01, 59 / 1.79, 6),
    "prores.mov": ("prores", (320, 240), 0.0, 25.0, 60),
    "moving.gif": ("gif", (320, 240), 0.0, 25.0, 1),
}


@pytest.mark.parametrize("name", FACTS)
def test_facts(clip, name):
    path = clip(name)
    found = scan(path, identify(path, LIMITS), LIMITS)
    probe = found.probe
    codec, size, first, rate, keys = FACTS[name]
    assert (probe.codec, (probe.width, probe.height)) == (codec, size)
    assert probe.times_s[0] == pytest.approx(first, abs=1e-3)
    assert probe.fps == pytest.approx(rate, rel=1e-3)
    assert probe.keyframe.sum() == keys
    assert (len(probe.times_s), probe.rotation_deg, found.damage) == (60, 0, "")
    assert (np.diff(probe.times_s) > 0).all()


@pytest.mark.parametrize("name", ["bframes.mp4", "transport.ts", "raw.h264", "h264.avi"])
def test_decode_order_and_presentation_order_are_told_apart(clip, name):
    path = clip(name)
    found = scan(path, identify(path, LIMITS), LIMITS)
    assert sorted(found.position.tolist()) == list(range(60))
    if found.timed:
        assert found.position.tolist() != list(range(60))
        assert np.array_equal(found.probe.keyframe[found.position], found.keyframe)
    assert found.timed == (name in ("bframes.mp4", "transport.ts"))

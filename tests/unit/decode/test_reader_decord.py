import numpy as np
import pytest
from crafted import number_of, write_video

from trawl.config.data import DecodeConfig, SamplingConfig
from trawl.decode.reader import read
from trawl.records.video import ImageSpec

SPEC = ImageSpec(64, "squash")
EVERY = SamplingConfig("interval", every_s=0.001)

# Who gives the pictures when decord is asked for. PyAV where decord fails, counts otherwise or
# shows another picture.
WHO = {
    "plain.mp4": "decord",
    "bframes.mp4": "decord",
    "offset.mkv": "decord",
    "variable.mp4": "decord",
    "one.mp4": "decord",
    "vp9.webm": "decord",
    "av1.mp4": "pyav",
    "moving.gif": "pyav",
    "transport.ts": "pyav",
    "onekey.ts": "pyav",
    "raw.h264": "pyav",
}


@pytest.mark.parametrize("name", WHO)
def test_decord_is_used_where_it_is_right(clip, name):
    *asked, report = read(clip(name), EVERY, SPEC, DecodeConfig(decoder="decord"))
    *auto, other = read(clip(name), EVERY, SPEC, DecodeConfig())
    assert (report.decoder, other.decoder) == (WHO[name], "pyav")
    for theirs, ours in zip(asked, auto, strict=True):
        assert theirs.frame_index.tolist() == ours.frame_index.tolist()
        assert [number_of(picture) for picture in theirs.frames] == ours.frame_index.tolist()
        assert np.abs(theirs.frames.astype(int) - ours.frames).max() <= 2  # the same colours
    assert np.array_equal(report.probe.times_s, other.probe.times_s)


def test_three_by_five_pixels_are_not_for_decord(tmp_path):
    grey = [np.full((5, 3, 3), 20 * i, np.uint8) for i in range(10)]
    path = write_video(tmp_path / "tiny.mp4", frames=grey, pix_fmt="yuv444p")
    *_, report = read(path, EVERY, SPEC, DecodeConfig(decoder="decord"))
    assert report.decoder == "pyav"


@pytest.mark.parametrize("policy", ["interval", "keyframes", "scenes"])
def test_both_decoders_agree_on_real_clips(real_clips, policy):
    sampling = SamplingConfig(policy, every_s=2.0)
    for path in real_clips[::4]:
        *asked, report = read(path, sampling, SPEC, DecodeConfig(decoder="decord"))
        *auto, _ = read(path, sampling, SPEC, DecodeConfig(decoder="pyav"))
        assert report.decoder == "decord"
        theirs, ours = (np.concatenate([batch.frames for batch in some]) for some in (asked, auto))
        assert np.array_equal(theirs, ours)

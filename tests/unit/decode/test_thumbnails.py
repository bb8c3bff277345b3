import numpy as np
import pytest
from crafted import number_of, numbered, write_video

from trawl.config.data import DecodeConfig
from trawl.decode.sandbox import DecodeSandbox
from trawl.decode.thumbnails import thumbnails
from trawl.errors import VideoError
from trawl.records.video import Reason

LIMITS = DecodeConfig()


@pytest.mark.parametrize(
    "name",
    [
        "plain.mp4",
        "bframes.mp4",
        "opengop.mp4",
        "offset.mkv",
        "transport.ts",
        "onekey.ts",
        "variable.mp4",
        "av1.mp4",
    ],
)
def test_the_picture_at_a_time_is_that_picture(clip, name):
    from trawl.decode.container import identify
    from trawl.decode.probe import probe

    times_s = probe(clip(name), identify(clip(name), LIMITS), LIMITS).times_s
    wanted = [59, 0, 13, 12, 31]
    shown = list(thumbnails(clip(name), times_s[wanted].tolist(), 160, LIMITS))
    assert [number_of(one.pixels) for one in shown] == wanted
    np.testing.assert_allclose([one.time_s for one in shown], times_s[wanted], atol=1e-6)
    assert {one.pixels.shape for one in shown} == {(120, 160, 3)}


def test_beyond_the_ends(clip):
    early, late = thumbnails(clip("plain.mp4"), [-5.0, 99.0], 160, LIMITS)
    assert (number_of(early.pixels), number_of(late.pixels)) == (0, 59)


def test_small_videos_are_not_blown_up(clip):
    (one,) = thumbnails(clip("plain.mp4"), [0.0], 2000, LIMITS)
    assert one.pixels.shape == (240, 320, 3)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_upright(tmp_path, turn):
    stored = [np.ascontiguousarray(np.rot90(numbered(i, 320, 240), turn // 90)) for i in range(5)]
    (one,) = thumbnails(
        write_video(tmp_path / "turned.mp4", frames=stored, rotate=turn), [0.12], 160, LIMITS
    )
    assert one.pixels.shape == (120, 160, 3)
    assert number_of(one.pixels) == 3


def test_in_the_sandbox(clip, tmp_path):
    with DecodeSandbox(LIMITS) as box:
        shown = box.thumbnails(clip("plain.mp4"), [0.4, 0.0], 80)
        assert [number_of(one.pixels) for one in shown] == [10, 0]
        (tmp_path / "text").write_text("hello")
        with pytest.raises(VideoError) as caught:
            box.thumbnails(tmp_path / "text", [0.0], 80)
        assert caught.value.reason is Reason.NOT_A_VIDEO

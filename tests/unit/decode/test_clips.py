import numpy as np
import pytest
from crafted import damage, number_of, numbered, write_video

from trawl.config.data import DecodeConfig
from trawl.decode.clips import clip_frames
from trawl.decode.container import identify
from trawl.decode.probe import probe
from trawl.decode.sandbox import DecodeSandbox
from trawl.errors import VideoError
from trawl.records.video import DecodeReport, Reason

LIMITS = DecodeConfig()
ALL = (-np.inf, np.inf)


def shown(batches):
    """(numbers that the pictures show, frame_index, time_s) of all batches together."""
    *parts, report = batches
    assert isinstance(report, DecodeReport)
    assert report.frames_sampled == sum(map(len, parts))
    numbers = [number_of(frame) for part in parts for frame in part.frames]
    return (
        numbers,
        np.concatenate([p.frame_index for p in parts]),
        np.concatenate([p.time_s for p in parts]),
    )


@pytest.mark.parametrize(
    "name", ["plain.mp4", "bframes.mp4", "opengop.mp4", "offset.mkv", "onekey.ts", "variable.mp4"]
)
def test_each_picture_of_the_stretch_once_under_the_index_s_number(clip, name):
    times_s = probe(clip(name), identify(clip(name), LIMITS), LIMITS).times_s
    span = float(times_s[17]), float(times_s[41])
    numbers, index, seen_s = shown(clip_frames(clip(name), span, None, None, LIMITS))
    assert numbers == index.tolist() == list(range(17, 41))
    np.testing.assert_array_equal(seen_s, times_s[17:41])


def test_batches_are_bounded(clip, monkeypatch):
    monkeypatch.setattr("trawl.decode.clips._BATCH_BYTES", 240 * 320 * 3 * 7)
    *parts, _ = list(clip_frames(clip("plain.mp4"), ALL, None, None, LIMITS))
    assert [len(part) for part in parts] == [7] * 8 + [4]


def test_fewer_pictures_a_second_and_smaller_ones(clip):
    part, _ = clip_frames(clip("plain.mp4"), ALL, 5.0, 160, LIMITS)
    assert [number_of(frame) for frame in part.frames] == list(range(0, 60, 5))
    assert part.frames.shape == (12, 120, 160, 3)


def test_upright(tmp_path):
    stored = [np.ascontiguousarray(np.rot90(numbered(i, 320, 240), 1)) for i in range(5)]
    part, _ = clip_frames(
        write_video(tmp_path / "turned.mp4", frames=stored, rotate=90), ALL, None, None, LIMITS
    )
    assert part.frames.shape == (5, 240, 320, 3)
    assert [number_of(frame) for frame in part.frames] == list(range(5))


def test_a_stretch_without_pictures(clip):
    with pytest.raises(VideoError) as caught:
        list(clip_frames(clip("plain.mp4"), (99.0, 100.0), None, None, LIMITS))
    assert caught.value.reason is Reason.NO_FRAMES


def test_damage_leaves_order_and_numbers_right(clip, tmp_path):
    path = tmp_path / "damaged.mp4"
    path.write_bytes(clip("bframes.mp4").read_bytes())
    _, index, seen_s = shown(clip_frames(damage(path, at=0.5), ALL, None, None, LIMITS))
    assert len(index) > 20
    assert (np.diff(index) > 0).all() and (np.diff(seen_s) > 0).all()


def test_in_the_sandbox(clip):
    with DecodeSandbox(LIMITS) as box:
        numbers, _, _ = shown(box.clip(clip("plain.mp4"), (0.4, 0.6)))
        assert numbers == [10, 11, 12, 13, 14]

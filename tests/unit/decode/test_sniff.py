from collections.abc import Callable
from pathlib import Path

import pytest

from trawl.decode.sniff import HEAD_BYTES, sniff
from trawl.errors import VideoError
from trawl.records.video import Reason

CONTAINERS = {
    "plain.mp4": "mp4",
    "fragmented.mp4": "mp4",
    "prores.mov": "mp4",
    "offset.mkv": "matroska",
    "vp9.webm": "matroska",
    "h264.avi": "avi",
    "transport.ts": "mpegts",
    "program.mpg": "mpegps",
    "flash.flv": "flv",
    "windows.wmv": "asf",
    "broadcast.mxf": "mxf",
    "moving.gif": "gif",
    "raw.h264": "h264",
    "raw.hevc": "hevc",
}

REFUSED = {
    "nothing": (b"", Reason.EMPTY_FILE),
    "hls": (b"#EXTM3U\n#EXT-X-VERSION:3\n", Reason.PLAYLIST),
    "hls behind a byte order mark": (b"\xef\xbb\xbf\n#EXTM3U\n", Reason.PLAYLIST),
    "concat": (b"ffconcat version 1.0\nfile other.mp4\n", Reason.PLAYLIST),
    "concat without its header": (b"file 'other.mp4'\n", Reason.PLAYLIST),
    "dash": (
        b"<?xml version='1.0'?>\n<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'>",
        Reason.PLAYLIST,
    ),
    "dash after a comment": (b"<!-- made by\nsomeone --><MPD>", Reason.PLAYLIST),
    "sdp": (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", Reason.PLAYLIST),
    "pls": (b"[playlist]\nFile1=x", Reason.PLAYLIST),
    "asx": (b"<ASX version='3'>", Reason.PLAYLIST),
    "a list of addresses": (b"https://example.com/video.mp4\n", Reason.PLAYLIST),
    "text": (b"file sizes are small\n"[5:], Reason.NOT_A_VIDEO),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(100), Reason.NOT_A_VIDEO),
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF", Reason.NOT_A_VIDEO),
    "heic picture": (b"\x00\x00\x00\x18ftypheic" + bytes(100), Reason.NOT_A_VIDEO),
    "zip": (b"PK\x03\x04" + bytes(100), Reason.NOT_A_VIDEO),
    "zeros": (bytes(HEAD_BYTES), Reason.NOT_A_VIDEO),
    "two bytes": (b"\x00\x00", Reason.NOT_A_VIDEO),
    "mp3": (b"ID3\x04" + bytes(100), Reason.NO_VIDEO_STREAM),
    "wav": (b"RIFF\x00\x00\x00\x00WAVEfmt ", Reason.NO_VIDEO_STREAM),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_known_by_its_first_bytes(clip: Callable[[str], Path], name: str):
    assert sniff(clip(name).read_bytes()[:HEAD_BYTES]) == CONTAINERS[name]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_video_is_refused_with_its_reason(name: str):
    head, reason = REFUSED[name]
    with pytest.raises(VideoError) as caught:
        sniff(head)
    assert caught.value.reason is reason
    assert "\n" not in caught.value.message


def test_a_blu_ray_transport_stream_has_four_more_bytes_a_packet(clip: Callable[[str], Path]):
    data = clip("transport.ts").read_bytes()
    packets = [data[i : i + 188] for i in range(0, 188 * 20, 188)]
    assert sniff(b"".join(b"\x00\x00\x00\x00" + packet for packet in packets)) == "mpegts"

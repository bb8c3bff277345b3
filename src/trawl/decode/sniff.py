"""Name a container from a file's first bytes, before any decoder opens the file.

Decoders guess the format themselves, and some formats open other files: a playlist named .mp4 would
make decord read whatever it points at. So the format is decided here, from magic numbers, and the
demuxer is then forced to it. Knows nothing of streams or codecs. Traded away: containers without a
magic number are refused, even if FFmpeg could play them.
"""

import re

from trawl.errors import VideoError
from trawl.records.video import Reason

HEAD_BYTES = 4096  # what `sniff` wants to see; the longest pattern is three MPEG-TS packets

# container -> the one FFmpeg demuxer that may open it
DEMUXERS = {
    "mp4": "mov",
    "matroska": "matroska",
    "avi": "avi",
    "mpegts": "mpegts",
    "mpegps": "mpeg",
    "mpegvideo": "mpegvideo",
    "flv": "flv",
    "gif": "gif",
    "ogg": "ogg",
    "asf": "asf",
    "mxf": "mxf",
    "ivf": "ivf",
    "y4m": "yuv4mpegpipe",
    "h264": "h264",
    "hevc": "hevc",
}

_MP4_BOXES = frozenset(
    {
        b"ftyp",
        b"moov",
        b"mdat",
        b"wide",
        b"free",
        b"skip",
        b"pnot",
        b"styp",
        b"moof",
        b"sidx",
        b"uuid",
    }
)
# ISO files that hold still pictures
_PICTURES = {b"ftypavif", b"ftypavis", b"ftypheic", b"ftypheix", b"ftypmif1"}

_PREFIXES = (
    (b"\x1aE\xdf\xa3", "matroska"),
    (b"FLV\x01", "flv"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"OggS", "ogg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"DKIF", "ivf"),
    (b"YUV4MPEG2 ", "y4m"),
    (b"\x00\x00\x01\xba", "mpegps"),
    (b"\x00\x00\x01\xb3", "mpegvideo"),
)
_MXF_PARTITION = b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02"

_SOUND = (b"ID3", b"fLaC", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"\xff\xf9", b"#!AMR", b"MThd")

# What makes FFmpeg, or a player, open other files: HLS, concat scripts, DASH, SDP, Smooth
# Streaming, PLS, ASX, XSPF.
_PLAYLIST = re.compile(
    rb"#EXTM3U|ffconcat version|(?:<\?xml[^>]*>)?\s*(?:<!--.*?-->\s*)*<(?:MPD|SmoothStreamingMedia|asx|playlist|smil)\b"
    rb"|v=0\r?\no=|\[playlist\]|\[reference\]|RTSPtext|file\s+['\"]?\S|https?://|rtsp://|file://",
    re.IGNORECASE | re.DOTALL,
)


def sniff(head: bytes) -> str:
    """The container that a file with these first bytes is: a key of `DEMUXERS`.

    head: the first `HEAD_BYTES` bytes, or the whole file where it is shorter.

    Raises:
        VideoError: EMPTY_FILE, PLAYLIST, NO_VIDEO_STREAM (a sound file) or NOT_A_VIDEO.

    >>> sniff(b"RIFF....AVI LIST")
    'avi'
    """
    if not head:
        raise VideoError(Reason.EMPTY_FILE, "the file has no bytes")
    if name := _container(head):
        return name
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if _PLAYLIST.match(text):
        raise VideoError(
            Reason.PLAYLIST,
            f"a playlist or script that names other files: starts with {_show(text)}",
        )
    if head.startswith(_SOUND) or (head[:4] == b"RIFF" and head[8:12] == b"WAVE"):
        raise VideoError(Reason.NO_VIDEO_STREAM, "a sound file")
    raise VideoError(Reason.NOT_A_VIDEO, f"no known video format starts with {_show(head)}")


def _container(head: bytes) -> str | None:
    for prefix, name in _PREFIXES:
        if head.startswith(prefix):
            return name
    if head[4:8] in _MP4_BOXES and head[4:12] not in _PICTURES:
        return "mp4"
    if head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"AVIX"):
        return "avi"
    if head.startswith(_MXF_PARTITION):
        return "mxf"
    return "mpegts" if _is_mpegts(head) else _annexb(head)


def _is_mpegts(head: bytes) -> bool:
    """Sync bytes one packet apart: plain 188, 192 with a time stamp in front (Blu-ray), 204 with
    error correction.
    """
    for size, first in ((188, 0), (192, 4), (204, 0)):
        sync = head[first::size]
        if len(sync) >= 2 and sync[:5].count(0x47) == len(sync[:5]):
            return True
    return False


def _annexb(head: bytes) -> str | None:
    """Raw H.264 starts with a parameter set or delimiter, raw HEVC with a VPS, SPS or delimiter,
    behind a start code.
    """
    start = head.find(b"\x00\x00\x01", 0, 5)
    if start not in (0, 1) or len(head) < start + 5 or head[:start].strip(b"\x00"):
        return None
    first, second = head[start + 3], head[start + 4]
    if first & 0x80:  # forbidden_zero_bit, in both
        return None
    if first >> 1 in (32, 33, 35) and first & 1 == 0 and second >> 3 == 0 and second & 7:
        return "hevc"
    return "h264" if first & 0x1F in (7, 9) else None


def _show(head: bytes) -> str:
    return repr(head[:16])[1:]

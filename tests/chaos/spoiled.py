"""Bad videos, made from a few good ones: cut off, flipped bits, headers that lie, bombs, and
scripts that name other files.

`spoiled` gives as many as asked for, always the same for one seed: each kind in turn, its places
spread over the file.
"""

import random
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np

_ENCODERS = {
    "mp4": "libx264",
    "mkv": "libx264",
    "ts": "libx264",
    "avi": "mpeg4",
    "webm": "libvpx",
    "gif": "gif",
}
_PIXELS = {"gif": "rgb8"}


@dataclass(frozen=True, slots=True)
class Bad:
    """hopeless: no picture of it may be indexed, whatever a decoder makes of it."""

    name: str
    data: bytes
    hopeless: bool


@cache
def good(suffix: str, frames: int = 20, side: int = 96) -> bytes:
    """A small video in that container."""
    import av

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"good.{suffix}"
        with av.open(str(path), "w") as out:
            stream = out.add_stream(_ENCODERS[suffix], rate=10, width=side, height=side)
            stream.pix_fmt = _PIXELS.get(suffix, "yuv420p")
            stream.codec_context.gop_size = 8
            for index in range(frames):
                picture = np.random.default_rng(index).integers(0, 255, (side, side, 3), np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            out.mux(stream.encode(None))
        return path.read_bytes()


def spoiled(how_many: int, seed: int, canary: Path, address: str) -> list[Bad]:
    """Bad videos. canary, address: what the scripts among them name."""
    chance = random.Random(seed)
    kinds = [
        _cut(),
        _flipped(chance),
        _lying(),
        _bombs(),
        _scripts(canary, address),
        _flipped(chance),
        _no_videos(chance),
    ]
    found: list[Bad] = []
    while len(found) < how_many and kinds:
        for kind in list(kinds):
            if (one := next(kind, None)) is None:
                kinds.remove(kind)
            else:
                found.append(one)
    return found[:how_many]


def _cut() -> Iterator[Bad]:
    """Cut off after a few bytes, at every box of the MP4, at shares of the others."""
    boxes = sorted(
        {place + extra for place, _, _ in _boxes(good("mp4")) for extra in (0, 4, 8, 12)} - {0}
    )
    for place in [*range(1, 12, 2), *boxes]:
        yield Bad(f"cut-{place:06d}.mp4", good("mp4")[:place], hopeless=place < 32)
    for share in (0.01, 0.1, 0.5, 0.9, 0.999):
        for suffix in ("mkv", "ts", "avi", "webm", "gif"):
            data = good(suffix)
            yield Bad(f"cut-{share}.{suffix}", data[: int(len(data) * share)], hopeless=False)


def _flipped(chance: random.Random) -> Iterator[Bad]:
    """Single bits, in heads above all; then whole stretches. Never ends."""
    for number in count():
        suffix = chance.choice(list(_ENCODERS))
        data = bytearray(good(suffix))
        reach = len(data) if number % 2 else min(len(data), 1200)
        start = chance.randrange(reach)
        if number % 3:
            for _ in range(8):
                data[chance.randrange(reach)] ^= 1 << chance.randrange(8)
        else:
            data[start : start + 200] = chance.randbytes(len(data[start : start + 200]))
        yield Bad(
            f"flipped-{number}-{chance.randrange(10**6)}.{suffix}", bytes(data), hopeless=False
        )


def _lying() -> Iterator[Bad]:
    """Fields of an MP4 that promise what is not there, and files that are not what they are called."""
    for box, offset, name in (
        ("mvhd", 20, "duration"),
        ("mdhd", 12, "timescale"),
        ("stts", 8, "count"),
        ("stts", 12, "times"),
        ("stsz", 12, "samples"),
        ("stsz", 16, "size"),
        ("stsc", 8, "chunks"),
        ("stsc", 16, "per-chunk"),
        ("stco", 8, "offsets"),
        ("stco", 12, "offset"),
        ("stsd", 12, "descriptions"),
        ("stsd", 40, "picture"),
        ("moov", 0, "long-moov"),
        ("trak", 0, "long-track"),
        ("mdat", 0, "long-data"),
        ("ftyp", 0, "long-type"),
        ("avcC", 8, "parameters"),
        ("tkhd", 88, "width"),
    ):
        for value in (0xFFFFFFFF, 0x7FFFFFFF, 0):
            yield Bad(
                f"lying-{name}-{value:08x}.mp4",
                _patched(good("mp4"), box, offset, value),
                hopeless=False,
            )
    for shown, suffix in (("mp4", "avi"), ("mkv", "mp4"), ("gif", "mp4")):
        yield Bad(f"mislabelled-{suffix}.{shown}", good(suffix)[:-300], hopeless=False)


def _bombs() -> Iterator[Bad]:
    """Little that becomes much."""
    huge = struct.pack("<HH", 65535, 65535)
    gif = bytearray(good("gif"))
    gif[6:10] = huge
    yield Bad("bomb-screen.gif", bytes(gif), hopeless=True)
    place = gif.index(b"\x2c", 13)
    gif[place + 5 : place + 9] = huge
    yield Bad("bomb-picture.gif", bytes(gif), hopeless=True)
    for side in (20_000, 60_000, 2_000_000):
        head = f"YUV4MPEG2 W{side} H{side} F25:1 C420\nFRAME\n".encode()
        yield Bad(f"bomb-{side}.y4m", head + bytes(5000), hopeless=True)
    avi = bytearray(good("avi"))
    place = avi.index(b"strf") + 8
    avi[place + 4 : place + 12] = struct.pack("<II", 100_000, 100_000)
    yield Bad("bomb-picture.avi", bytes(avi), hopeless=False)
    yield Bad(
        "bomb-times.mp4",
        _patched(_patched(good("mp4"), "stts", 8, 0x7FFFFFFF), "stsz", 12, 0x7FFFFFFF),
        False,
    )
    nested = good("mp4")[:32]
    for _ in range(3000):
        nested = struct.pack(">I4s", len(nested) + 8, b"moov") + nested
    yield Bad("bomb-nested.mp4", good("mp4")[:32] + nested, hopeless=True)
    yield Bad("bomb-zeros.mp4", good("mp4")[:32] + bytes(3_000_000), hopeless=True)


def _scripts(canary: Path, address: str) -> Iterator[Bad]:
    """Playlists and the like, of a file and of an address, under names of videos."""
    for what, target in (
        ("file", str(canary)),
        ("url", canary.as_uri()),
        ("http", f"http://{address}/canary.mp4"),
    ):
        for name, text in (
            ("hls", f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n"),
            ("hls-key", f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n'),
            ("hls-bom", f"\ufeff#EXTM3U\n#EXTINF:10,\n{target}\n"),
            ("hls-space", f"\n\n  #EXTM3U\n#EXTINF:10,\n{target}\n"),
            ("concat", f"ffconcat version 1.0\nfile '{target}'\n"),
            ("bare", f"file '{target}'\n"),
            ("pls", f"[playlist]\nFile1={target}\nNumberOfEntries=1\n"),
            ("asx", f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>'),
            ("smil", f'<smil><body><video src="{target}"/></body></smil>'),
            ("dash", f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet><Representation>'
                     f"<BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>"),
            ("sdp", f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=video 5004 RTP/AVP 96\na=control:{target}\n"),
            ("rtsp", f"RTSPtext\r\n{target}\r\n"),
        ):  # fmt: skip
            for suffix in ("mp4", "mkv", "ts")[: 2 if what == "http" else 1]:
                yield Bad(f"script-{name}-{what}.{suffix}", text.encode(), hopeless=True)
        yield Bad(f"script-dref-{what}.mov", _with_reference(target), hopeless=False)


def _no_videos(chance: random.Random) -> Iterator[Bad]:
    """What people put into folders of videos."""
    yield Bad("nothing.mp4", b"", hopeless=True)
    yield Bad("zeros.mkv", bytes(10_000), hopeless=True)
    yield Bad("text.ts", b"not a video\n" * 50, hopeless=True)
    yield Bad("program.avi", Path("/proc/self/exe").read_bytes()[:20_000], hopeless=True)
    yield Bad("archive.mp4", b"PK\x03\x04" + chance.randbytes(5000), hopeless=True)
    yield Bad("picture.mp4", b"\x89PNG\r\n\x1a\n" + chance.randbytes(5000), hopeless=True)
    for number in range(10):
        yield Bad(
            f"noise-{number}.{chance.choice(['mp4', 'mkv', 'ts', 'webm'])}",
            chance.randbytes(4000),
            hopeless=False,
        )


def _boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, str]]:
    """(place, size, type) of every box of an MP4, in order."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8:
            return
        yield start, size, kind.decode("latin-1")
        if kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"):
            yield from _boxes(data, start + 8, start + size)
        start += size


def _patched(data: bytes, box: str, offset: int, value: int) -> bytes:
    """The 32 bits at `offset` after the box's head set to `value`; at 0 of a box that holds boxes,
    its size.
    """
    place = data.index(box.encode()) - 4
    place = place if offset == 0 else place + 8 + offset - 4
    return data[:place] + struct.pack(">I", value) + data[place + 4 :]


def _with_reference(target: str) -> bytes:
    """An MP4 that says its pictures lie in another file."""
    data = good("mp4")
    place = data.index(b"url ") - 4
    entry = struct.pack(">I4sI", 12 + len(target) + 1, b"url ", 0) + target.encode() + b"\0"
    grown = len(entry) - 12
    out = bytearray(data[:place] + entry + data[place + 12 :])
    for parent in ("moov", "trak", "mdia", "minf", "dinf", "dref"):
        at = out.index(parent.encode()) - 4
        out[at : at + 4] = struct.pack(">I", struct.unpack_from(">I", out, at)[0] + grown)
    return bytes(out)

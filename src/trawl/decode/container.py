"""Open a file that nobody vouches for, as one known container and nothing else, and hand out its
packets.

The demuxer is forced (see `sniff.py`) and may open nothing but this one local file; decoders get
one thread and refuse pictures above the limit. FFmpeg's own complaints are counted here, because
for damage that a decoder conceals they are the only sign. To be used inside the sandbox only.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import av
from av.container.input import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from trawl.config.data import DecodeConfig
from trawl.decode.sniff import DEMUXERS, HEAD_BYTES, sniff
from trawl.errors import VideoError
from trawl.records.video import Reason

# Containers without presentation times: FFmpeg guesses them, wrongly where pictures are stored out
# of order.
WITHOUT_PTS = ("avi", "h264", "hevc", "mpegvideo")

_TOLD_ERRORS = 4  # how many causes of damage a message names


class Damage:
    """Gathers what was wrong with a video, each cause once, as one sentence."""

    def __init__(self, first: str = "") -> None:
        self._counts: dict[str, int] = {first: 1} if first else {}

    def add(self, cause: str) -> None:
        """Count one occurrence of `cause`."""
        self._counts[cause] = self._counts.get(cause, 0) + 1

    def __str__(self) -> str:
        told = [cause if n == 1 else f"{cause} ({n} times)" for cause, n in self._counts.items()]
        more = [f"and {len(told) - _TOLD_ERRORS} more"] if len(told) > _TOLD_ERRORS else []
        return "; ".join(told[:_TOLD_ERRORS] + more)


def identify(path: Path, limits: DecodeConfig) -> str:
    """The container of a local file, by size limit and first bytes.

    Raises:
        VideoError: UNREADABLE, TOO_LARGE, or what `sniff` raises.
    """
    try:
        with path.open("rb") as file:
            size, head = os.fstat(file.fileno()).st_size, file.read(HEAD_BYTES)
    except OSError as error:
        raise VideoError(Reason.UNREADABLE, f"cannot read the file: {error.strerror}") from error
    if size > limits.max_bytes:
        raise VideoError(
            Reason.TOO_LARGE, f"{size} bytes, above the limit decode.max_bytes={limits.max_bytes}"
        )
    return sniff(head)


def open_input(path: Path, container: str) -> InputContainer:
    """Open with the demuxer forced and every protocol but a local file forbidden.

    Raises:
        VideoError: TRUNCATED where the index is missing, CORRUPT otherwise.
    """
    av.logging.set_level(av.logging.PANIC)  # prints nothing, and counts what it does not print
    # "file:" keeps a name like "http:..." or "concat:..." a file name
    name = f"file:{path.absolute()}"
    # FFmpeg would decode up to seven pictures to guess what a good header says; where it must
    # guess, let it.
    guess = {} if container in WITHOUT_PTS else {"skip_frame": "all"}
    try:
        return av.open(
            name,
            "r",
            format=DEMUXERS[container],
            options=guess,
            container_options={"protocol_whitelist": "file"},
            metadata_errors="ignore",
        )
    except av.error.FFmpegError as error:
        if container == "mp4" and b"moov" not in _boxes(path):
            raise VideoError(
                Reason.TRUNCATED, "the file ends before its index (no moov box)"
            ) from error
        raise VideoError(
            Reason.CORRUPT, f"the container cannot be opened: {error.strerror}"
        ) from error


def video_stream(source: InputContainer, limits: DecodeConfig) -> VideoStream:
    """The first real video stream, on one thread, refusing pictures above the pixel limit.

    Raises:
        VideoError: NO_VIDEO_STREAM, UNSUPPORTED_CODEC or TOO_LARGE.
    """
    moving = [
        s for s in source.streams.video if not s.disposition & av.stream.Disposition.attached_pic
    ]
    if not moving:
        kinds = sorted({str(s.type) for s in source.streams}) or ["none"]
        raise VideoError(Reason.NO_VIDEO_STREAM, f"no video among the streams: {', '.join(kinds)}")
    stream = moving[0]
    if stream.codec_context is None:
        raise VideoError(
            Reason.UNSUPPORTED_CODEC, f"no decoder for the codec of stream {stream.index}"
        )
    check_pixels(stream.codec_context.width, stream.codec_context.height, limits)
    # many decoders run side by side; threads would only fight for the cores
    stream.codec_context.thread_count = 1
    # strict: without the guess above, H.264 must be held back by what its header allows to come out
    # in order.
    strict = {"strict": "1"} if stream.codec_context.name == "h264" else {}
    stream.codec_context.options = {"max_pixels": str(limits.max_pixels), **strict}
    stream.codec_context.skip_frame = "DEFAULT"
    for other in source.streams:
        if other.index != stream.index:
            other.discard = av.stream.Discard.all
    return stream


def check_pixels(width: int, height: int, limits: DecodeConfig) -> None:
    """Raises VideoError TOO_LARGE for a picture of more than `max_pixels`."""
    if width * height > limits.max_pixels:
        raise VideoError(
            Reason.TOO_LARGE,
            f"{width} x {height} pixels, above the limit decode.max_pixels={limits.max_pixels}",
        )


def packets(
    source: InputContainer, stream: VideoStream, damage: Damage
) -> "Iterator[Packet[VideoStream]]":
    """The stream's packets in decode order.

    What is wrong with the container is noted in `damage`.
    """
    source_packets = source.demux(stream)
    while True:
        before = complaints()
        try:
            packet = next(source_packets, None)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            damage.add(f"the container breaks off: {error.strerror}")
            return
        if complaints() > before:
            damage.add("the container is damaged")
        if packet is None:
            return
        if packet.size:
            yield packet


def complaints() -> int:
    """Count the errors that FFmpeg has logged so far; its decoders report concealed damage only
    there.
    """
    count, last = av.logging.get_last_error()
    # H.264 that starts at a keyframe which is not an IDR is told to forget pictures that it never
    # had: no damage.
    return -1 if last and last[2].startswith("mmco: unref short failure") else int(count)


def is_cut_short(path: Path, container: str) -> bool:
    """Whether an ISO media file ends before a box that it has begun.

    Other containers do not say.
    """
    return container == "mp4" and _ends_early(path)


def _ends_early(path: Path) -> bool:
    ends = _boxes(path)
    return b"mdat" not in ends or max(ends.values()) > path.stat().st_size


def _boxes(path: Path) -> dict[bytes, int]:
    """Top-level boxes of an ISO media file, in order: kind -> where the last of that kind says it
    ends.
    """
    size, start, ends = path.stat().st_size, 0, dict[bytes, int]()
    with path.open("rb") as file:
        while start + 8 <= size:
            file.seek(start)
            header = file.read(16)
            length = int.from_bytes(header[:4])
            length = {0: size - start, 1: int.from_bytes(header[8:16])}.get(length, length)
            if length < 8:
                break
            start += length
            ends[header[4:8]] = start
    return ends

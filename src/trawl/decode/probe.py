"""Read what a container says of its first video stream, without decoding more than one picture.

Every packet is demuxed: headers lie about counts and rates, packets carry the true presentation
times. `scan` also keeps the decode order, from which the readers work out which packets a sampled
picture needs. Traded away: the whole file is read once before decoding starts, which costs little
next to decoding it. The pixel aspect ratio is not applied, as in every common reader of training
data. To be called inside the sandbox only.
"""

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from trawl.config.data import DecodeConfig
from trawl.decode.container import (
    WITHOUT_PTS,
    Damage,
    check_pixels,
    is_cut_short,
    open_input,
    packets,
    video_stream,
)
from trawl.errors import VideoError
from trawl.records.arrays import Indices, Times
from trawl.records.video import Probe, Reason

_LONGEST_S = 7 * 86400.0  # a time stamp further than this from the video's middle is damaged
_FIRST_PICTURE_PACKETS = 16  # how many packets may fail before the size is taken from the header


@dataclass(frozen=True, slots=True)
class Scan:
    """A probe and, per packet in decode order (P,), what the readers need.

    pts (P,) int64 in the stream's time base; position (P,) int64: the frame_index the packet
    presents, -1 for none; keyframe (P,) bool. timed: False where the container keeps no
    presentation times; its pictures can then only be counted as they come out. damage: what the
    demuxer complained of, "" if nothing.
    """

    probe: Probe
    pts: Indices
    position: Indices
    keyframe: NDArray[np.bool_]
    timed: bool
    damage: str


def probe(path: Path, container: str, limits: DecodeConfig) -> Probe:
    """See `scan`, whose probe this is."""
    return scan(path, container, limits).probe


def scan(path: Path, container: str, limits: DecodeConfig) -> Scan:
    """Demux all packets of the first video stream and decode one picture, for its size and
    rotation.

    Raises:
        VideoError: NO_VIDEO_STREAM, UNSUPPORTED_CODEC, TOO_LARGE, TRUNCATED, CORRUPT or NO_FRAMES.
    """
    damage = Damage("the file is cut short" if is_cut_short(path, container) else "")
    with open_input(path, container) as source:
        stream = video_stream(source, limits)
        pts, dts, shown, keyframe = _columns(packets(source, stream, damage))
        if not len(pts):
            raise _without_packets(path, container, str(damage))
        frame = _first_picture(path, container, limits)
        if not shown.any():
            raise VideoError(
                Reason.NO_FRAMES, f"{len(pts)} packets, none of which is meant to be shown"
            )
        guessed = container in WITHOUT_PTS and stream.codec_context.has_b_frames
        timed = not (guessed or np.isnan(pts[shown]).any())
        seconds = float(stream.time_base or 1)
        stamps = (
            np.where(np.isnan(pts), -1, pts).astype(np.int64) if timed else _counted(dts, stream)
        )
        wild = np.abs(stamps - np.median(stamps[shown])) * seconds > _LONGEST_S
        if (shown & wild).any():
            damage.add("time stamps beyond reason")
            shown &= ~wild
        order, position = np.unique(stamps[shown], return_inverse=True)
        places = np.full(len(pts), -1, np.int64)
        places[shown] = position
        if len(order) < shown.sum():
            damage.add("several packets claim the same time")
        is_key = np.zeros(len(order), np.bool_)
        is_key[position] = keyframe[shown]
        times_s: Times = order.astype(np.float64) * seconds
        context = stream.codec_context
        width, height, rotation = _display(frame, context.width, context.height)
        check_pixels(width, height, limits)
        facts = Probe(
            container=container,
            codec=context.codec.canonical_name,
            width=width,
            height=height,
            rotation_deg=rotation,
            fps=_rate(times_s),
            duration_s=_duration(times_s, stream),
            times_s=times_s,
            keyframe=is_key,
        )
        return Scan(facts, stamps, places, keyframe, timed, str(damage))


def _columns(
    found: "Iterator[Packet[VideoStream]]",
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """(pts, dts, is shown, is a keyframe) of each packet; times in the stream's time base, NaN
    where absent.

    Packed as they come: 18 bytes a packet, so that an hour of video takes 2 MB. 2^53 ticks last
    3,000 years at 90 kHz: float64 keeps every time stamp that means anything.
    """
    pts, dts, shown, keyframe = array("d"), array("d"), bytearray(), bytearray()
    for packet in found:
        pts.append(math.nan if packet.pts is None else packet.pts)
        dts.append(math.nan if packet.dts is None else packet.dts)
        shown.append(not packet.is_discard and not _is_hidden(packet))
        keyframe.append(packet.is_keyframe)
    return np.array(pts), np.array(dts), np.array(shown, np.bool_), np.array(keyframe, np.bool_)


def _is_hidden(packet: "Packet[VideoStream]") -> bool:
    """VP8 keeps reference pictures that are never shown in packets of their own."""
    return (
        packet.stream.codec_context.name in ("vp8", "libvpx") and not memoryview(packet)[0] & 0x10
    )


def _counted(dts: NDArray[np.float64], stream: VideoStream) -> Indices:
    """Times for a stream without presentation times: its decode times if they are whole, else its
    rate.
    """
    if not np.isnan(dts).any() and (np.diff(dts) > 0).all():
        return dts.astype(np.int64)
    rate = stream.average_rate or stream.guessed_rate or 25
    step = 1 / (rate * (stream.time_base or 1))
    return np.round(np.arange(len(dts)) * float(step)).astype(np.int64)


def _rate(times_s: NDArray[np.float64]) -> float:
    return float((len(times_s) - 1) / (times_s[-1] - times_s[0])) if len(times_s) > 1 else 0.0


def _duration(times_s: NDArray[np.float64], stream: VideoStream) -> float:
    """From the first picture's start to the last one's end, which is taken to last as long as the
    average picture.
    """
    if len(times_s) > 1:
        return float(times_s[-1] - times_s[0]) + 1 / _rate(times_s)
    return float((stream.duration or 0) * (stream.time_base or 0))


def _display(frame: VideoFrame | None, width: int, height: int) -> tuple[int, int, int]:
    """(width, height, clockwise rotation) as displayed."""
    if frame is None:
        return width, height, 0
    rotation = clockwise(frame)
    return (
        (frame.height, frame.width, rotation)
        if rotation in (90, 270)
        else (frame.width, frame.height, rotation)
    )


def clockwise(frame: VideoFrame) -> int:
    """Return how far a player turns this frame, in degrees clockwise: 0, 90, 180 or 270."""
    return round(-frame.rotation / 90) * 90 % 360


def _first_picture(path: Path, container: str, limits: DecodeConfig) -> VideoFrame | None:
    with open_input(path, container) as source:
        stream = video_stream(source, limits)
        for number, packet in enumerate(packets(source, stream, Damage())):
            if number >= _FIRST_PICTURE_PACKETS:
                break
            try:
                frames = [*packet.decode(), *stream.codec_context.decode(None)]
            except av.error.MemoryError:
                raise
            except av.error.FFmpegError:
                frames = []
            stream.codec_context.flush_buffers()
            if frames:
                return frames[0]
    return None


def _without_packets(path: Path, container: str, damage: str) -> VideoError:
    if is_cut_short(path, container):
        return VideoError(Reason.TRUNCATED, "the file ends before its first picture")
    if damage:
        return VideoError(Reason.CORRUPT, damage)
    return VideoError(Reason.NO_FRAMES, "the video stream has no packets")

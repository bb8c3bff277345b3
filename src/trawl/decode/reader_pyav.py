"""Wanted pictures of a video by PyAV: right wherever FFmpeg can be, and it says where it could not
be.

Decodes only what the wanted pictures need: in each group of pictures from the keyframe to the last
of them, and in there no picture that no other refers to. A picture that the decoder reports as
damaged, and all that were decoded from it, are flagged. Knows nothing of sampling or sizes. To be
called inside the sandbox only.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container.input import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from trawl.config.data import DecodeConfig
from trawl.decode.container import Damage, complaints, open_input, packets, video_stream
from trawl.decode.groups import Groups
from trawl.decode.probe import Scan, clockwise
from trawl.records.arrays import Indices

_SEEK_PACKETS = 256  # reading over fewer packets than this costs less than a seek


_MOST_HELD = 32  # pictures; codecs reorder 16 at most, more is a damaged time stamp


@dataclass(frozen=True, slots=True)
class Decoded:
    """One picture. suspect: damaged, or decoded from a damaged one."""

    frame_index: int
    frame: VideoFrame
    suspect: bool

    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) as displayed: FFmpeg's default colour conversion, rotation applied."""
        picture = cast(NDArray[np.uint8], self.frame.to_ndarray(format="rgb24", threads=1))
        turns = clockwise(self.frame) // 90
        return np.ascontiguousarray(np.rot90(picture, -turns)) if turns else picture

    def small(self, width: int) -> NDArray[np.uint8]:
        """(h, width, 3) BGR, not rotated: to compare with its neighbours, not to be looked at."""
        height = max(1, round(self.frame.height * width / self.frame.width))
        small = self.frame.reformat(
            width, height, "bgr24", interpolation="FAST_BILINEAR", threads=1
        )
        return cast(NDArray[np.uint8], small.to_ndarray())


def decode(
    path: Path, scan: Scan, wanted: Indices, limits: DecodeConfig, damage: Damage
) -> Iterator[Decoded]:
    """Yield the requested pictures, and others that had to be decoded on the way.

    Each comes once, in presentation order unless the file's time stamps are damaged.

    wanted: (N,) increasing frame_index. A wanted picture that does not decode is missing from what
    is yielded, and `damage` says why.
    """
    groups = Groups(scan.pts, scan.position, scan.keyframe)
    needed = groups.needed(wanted) if scan.timed else np.ones(len(scan.pts), np.bool_)
    if not needed.any():
        return
    kept = np.isin(scan.position, wanted) if scan.timed else needed
    entry = _entry(path, scan, int(needed.argmax()), limits)
    with open_input(path, scan.probe.container) as source:
        stream = video_stream(source, limits)
        run = _Run(stream, scan, groups, damage)
        pictures = run.pictures(_located(source, stream, scan, needed, entry), kept)
        yield from (
            _in_order(pictures, scan, groups, run) if scan.timed else _counted(pictures, scan, run)
        )


class _Run:
    """Feeds needed packets to the decoder.

    At each break it is drained and starts afresh from the next keyframe.
    """

    def __init__(self, stream: VideoStream, scan: Scan, groups: Groups, damage: Damage) -> None:
        self._context = stream.codec_context
        self._keyframe = scan.keyframe
        self._groups = groups
        self._damage = damage
        self.failed = False

    def pictures(
        self, located: Iterator[tuple[int, "Packet[VideoStream]"]], kept: NDArray[np.bool_]
    ) -> Iterator[VideoFrame]:
        previous = -1
        for place, packet in located:
            if place != previous + 1 and previous >= 0 and self._keyframe[place]:
                yield from self._drain(previous)
                self._context.flush_buffers()
            self._context.skip_frame = "DEFAULT" if kept[place] else "NONREF"
            yield from self._feed(packet, place)
            previous = place
        if previous >= 0:
            yield from self._drain(previous)

    def _feed(self, packet: "Packet[VideoStream] | None", place: int) -> list[VideoFrame]:
        before = complaints()
        try:
            frames = self._context.decode(packet)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            self.spoil(place, f"a packet does not decode: {error.strerror}")
            return []
        if complaints() > before or (packet is not None and packet.is_corrupt):
            self.spoil(place, "the decoder reports damage")
        return frames

    def spoil(self, place: int, cause: str) -> None:
        """Mark what is decoded from the packet at `place` as not to be trusted."""
        self.failed = True
        self._groups.spoil(place)
        self._damage.add(cause)

    def _drain(self, place: int) -> list[VideoFrame]:
        return self._feed(None, place)


def _located(
    source: InputContainer, stream: VideoStream, scan: Scan, needed: NDArray[np.bool_], entry: int
) -> Iterator[tuple[int, "Packet[VideoStream]"]]:
    """(place in decode order, packet) of the needed packets. entry: see `_entry`."""
    last = int(np.flatnonzero(needed)[-1])
    if entry:
        source.seek(int(scan.pts[needed.argmax()]), stream=stream)
    place = -1
    # the scan has told what is wrong with the container
    for packet in packets(source, stream, Damage()):
        if entry and place < 0:
            place = entry if packet.is_keyframe and packet.pts == scan.pts[entry] else -1
        else:
            place += 1
        if place > last:
            return
        if place >= 0 and needed[place]:
            yield place, packet


def _entry(path: Path, scan: Scan, first: int, limits: DecodeConfig) -> int:
    """The place of the keyframe at which a seek to the packet at `first` arrives; 0 if it is to be
    read from the start.

    Tried out, because every container seeks in its own way, and some too far.
    """
    if first < _SEEK_PACKETS or not scan.timed:
        return 0
    with open_input(path, scan.probe.container) as source:
        stream = video_stream(source, limits)
        try:
            source.seek(int(scan.pts[first]), stream=stream)
        except av.error.FFmpegError:
            return 0
        keyframe = next(
            (packet for packet in packets(source, stream, Damage()) if packet.is_keyframe), None
        )
    if keyframe is None:
        return 0
    places = np.flatnonzero(scan.keyframe[: first + 1] & (scan.pts[: first + 1] == keyframe.pts))
    return int(places[0]) if len(places) == 1 else 0


def _in_order(
    pictures: Iterator[VideoFrame], scan: Scan, groups: Groups, run: _Run
) -> Iterator[Decoded]:
    """Number pictures by their time stamps, and hold each back until what it may have been decoded
    from has come out.
    """
    shown = np.flatnonzero(scan.position >= 0)
    by_time = shown[np.argsort(scan.pts[shown], kind="stable")]
    stamps = scan.pts[by_time]
    held: deque[tuple[int, int, VideoFrame]] = deque()  # (place, frame_index, picture)
    came = np.zeros(len(scan.probe.times_s), np.bool_)
    for frame in pictures:
        at = int(np.searchsorted(stamps, frame.pts)) if frame.pts is not None else len(stamps)
        if at == len(stamps) or stamps[at] != frame.pts:
            continue
        place = int(by_time[at])
        index = int(scan.position[place])
        if came[index]:
            continue
        came[index] = True
        if frame.is_corrupt:
            run.spoil(place, "the decoder conceals damage")
        held.append((place, index, frame))
        while held and (groups.settled_by[held[0][0]] <= index or len(held) > _MOST_HELD):
            yield _release(*held.popleft(), groups)
    for item in held:
        yield _release(*item, groups)


def _release(place: int, index: int, frame: VideoFrame, groups: Groups) -> Decoded:
    return Decoded(index, frame, groups.is_spoilt(place))


def _counted(pictures: Iterator[VideoFrame], scan: Scan, run: _Run) -> Iterator[Decoded]:
    """Without time stamps pictures are counted as they come out; after damage the count itself is
    in doubt.
    """
    corrupt = False
    for index, frame in enumerate(pictures):
        if index >= len(scan.probe.times_s):
            return
        corrupt = corrupt or frame.is_corrupt or run.failed
        yield Decoded(index, frame, corrupt)

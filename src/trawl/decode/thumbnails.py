"""Pictures at given times, for a person to look at: aspect kept, rotation applied.

Seeks instead of scanning the file, because a contact sheet needs few pictures of many videos. To be
called inside the sandbox only.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container.input import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from trawl.config.data import DecodeConfig
from trawl.decode.container import Damage, identify, open_input, packets, video_stream
from trawl.decode.probe import clockwise
from trawl.decode.wire import Picture
from trawl.errors import VideoError
from trawl.records.video import Reason

Timed = tuple[VideoFrame, float]  # a picture and when it is shown

_NEAR_S = 1e-3  # a picture this little before the time asked for is the one meant


def thumbnails(
    path: Path, times_s: Sequence[float], width: int, limits: DecodeConfig
) -> Iterator[Picture]:
    """For each time, in the order given: the first picture at or after it, else the last one, at
    most `width` wide.

    Raises:
        VideoError: whatever opening the file deserves; CORRUPT where no picture decodes.
    """
    container = identify(path, limits)
    for time_s in times_s:
        before, found = _around(path, container, limits, time_s, seek=True)
        if found is None or (before is None and found[1] > time_s + _NEAR_S):
            # Nothing before it was seen: the seek may have gone too far, or the container cannot
            # seek.
            before, found = _around(path, container, limits, time_s, seek=False)
        if found is None and before is None:
            raise VideoError(Reason.CORRUPT, f"no picture decodes at {time_s:.3f} s")
        frame, shown_s = cast(Timed, found or before)
        yield Picture(_small(frame, width), shown_s)


def _around(
    path: Path, container: str, limits: DecodeConfig, time_s: float, seek: bool
) -> tuple[Timed | None, Timed | None]:
    """(the last picture before a time, the first one at or after it), read from a keyframe before
    it or from the start.
    """
    before: Timed | None = None
    with open_input(path, container) as source:
        stream = video_stream(source, limits)
        tick_s = float(stream.time_base or 1)
        if seek:
            with suppress(av.error.PermissionError):  # how FFmpeg says that it cannot seek there
                source.seek(int(time_s / tick_s), stream=stream)
        for frame in _frames(source, stream):
            shown_s = (frame.pts or 0) * tick_s
            if shown_s >= time_s - _NEAR_S:
                return before, (frame, shown_s)
            before = frame, shown_s
    return before, None


def _frames(source: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    for packet in chain(packets(source, stream, Damage()), [None]):
        try:
            yield from stream.codec_context.decode(packet)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            continue


def _small(frame: VideoFrame, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    turns = clockwise(frame) // 90
    shown_w, shown_h = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
    scale = min(1.0, width / shown_w)
    size = max(1, round(shown_w * scale)), max(1, round(shown_h * scale))
    stored = size[::-1] if turns % 2 else size
    picture = frame.reformat(*stored, "rgb24", interpolation="AREA", threads=1).to_ndarray()
    return np.ascontiguousarray(np.rot90(picture, -turns))

"""A copy of a video, picture by picture: H.264 in MP4 with the times and the size of what it
copies.

PyAV with libx264 on one thread and nothing of the day or the machine in the file, so that the same
pictures give the same bytes wherever the same encoder runs. Pictures come and go one at a time.
Knows nothing of what was done to them.
"""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trawl.errors import VideoError
from trawl.records.video import Reason

# times are kept to half of this; those of whole milliseconds and of all usual rates exactly
TICK_S = 1 / 90_000
_TIME_BASE = Fraction(1, 90_000)
# x264's AVX-512 code gives other bytes in about every second run of the same pictures; up to SSE4.2
# it does not.
_OPTIONS = {"preset": "veryfast", "threads": "1", "g": "60", "x264-params": "asm=sse4.2"}


def write_copy(path: Path, pictures: Iterable[tuple[NDArray[np.uint8], float]], crf: int) -> int:
    """Write (picture, time_s) pairs and return how many.

    Args:
        path: ends in ".mp4"; replaced if it exists.
        pictures: (H, W, 3) uint8 RGB as displayed, all of one size; time_s increasing.
        crf: x264's quality, 0 (lossless) to 51.

    Raises:
        VideoError: CORRUPT where a time is not after the one before; whatever `pictures` raises.
    """
    import av
    from av.video.stream import VideoStream

    stream: VideoStream | None = None
    count, last_tick = 0, None
    with av.open(
        str(path), "w", format="mp4", options={"fflags": "+bitexact", "movflags": "+faststart"}
    ) as out:
        for picture, time_s in pictures:
            if stream is None:
                stream = out.add_stream("libx264", rate=30, options=_OPTIONS | {"crf": str(crf)})
                stream.height, stream.width = picture.shape[:2]
                # a side of an odd number of pixels cannot be halved for the colours
                stream.pix_fmt = (
                    "yuv420p" if stream.height % 2 == stream.width % 2 == 0 else "yuv444p"
                )
                stream.time_base = stream.codec_context.time_base = _TIME_BASE
            tick = round(time_s / _TIME_BASE)
            if last_tick is not None and tick <= last_tick:
                raise VideoError(
                    Reason.CORRUPT, f"two pictures at {time_s:.6f} s: a copy cannot keep them apart"
                )
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame.pts, frame.time_base = tick, _TIME_BASE
            out.mux(stream.encode(frame))
            count, last_tick = count + 1, tick
        if stream is not None:
            out.mux(stream.encode(None))
    return count

"""Pictures with their times as an H.264 file that browsers play: MP4, yuv420p, its index at the
front.

Frames go into the encoder as they come, so memory depends on neither length nor size of the whole.
Times are kept to 1/90000 of a second, whatever the source's rate and however it varies, counted
from the first picture. Knows nothing of tracks.
"""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TIME_BASE = Fraction(1, 90_000)
# A keyframe at least every two seconds or so of usual footage, so that seeking in the page is
# quick.
_OPTIONS = {"preset": "veryfast", "crf": "23", "g": "60"}


def write_video(
    path: Path, pictures: Iterable[tuple[NDArray[np.uint8], float]], threads: int = 2
) -> int:
    """Write (picture, time_s) pairs and return how many; with none, no file is left.

    Args:
        path: ends in ".mp4"; replaced if it exists.
        pictures: (H, W, 3) uint8 RGB, all of one size. One whose time is not after the last one's
            is left out. Where a side is odd, which yuv420p cannot hold, the last row or column
            comes twice.
        threads: of the encoder; each holds a few pictures.
    """
    import av
    from av.video.stream import VideoStream

    stream: VideoStream | None = None
    count, first_s, last_tick = 0, 0.0, -1
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as sink:
        for picture, time_s in pictures:
            even = np.pad(
                picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)), "edge"
            )
            if stream is None:
                stream = sink.add_stream(
                    "libx264", rate=30, options={**_OPTIONS, "threads": str(threads)}
                )
                stream.height, stream.width, stream.pix_fmt = *even.shape[:2], "yuv420p"
                stream.time_base = stream.codec_context.time_base = _TIME_BASE
                first_s = time_s
            tick = round((time_s - first_s) / _TIME_BASE)
            if tick <= last_tick:
                continue
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), "rgb24")
            frame.pts, frame.time_base = tick, _TIME_BASE
            sink.mux(stream.encode(frame))
            count, last_tick = count + 1, tick
        if stream is not None:
            sink.mux(stream.encode(None))
    if not count:
        path.unlink(missing_ok=True)
    return count

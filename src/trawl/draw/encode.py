"""One demo video as an H.264 file: pictures and their times in, an MP4 out.

PyAV with libx264 on one thread and nothing of the day or the machine in the file, so that the same
pictures give the same bytes wherever the same encoder runs. A rotated video is stored turned and
carries the matrix that turns it back, as phones do. Knows nothing of scenes.
"""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

# x264's AVX-512 code gave other bytes in about every second run of the same pictures; up to SSE4.2
# it never did, at equal speed.
_OPTIONS = {
    "preset": "veryfast",
    "crf": "21",
    "threads": "1",
    "g": "60",
    "x264-params": "asm=sse4.2",
}


def write_mp4(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    ticks: Iterable[int],
    time_base: Fraction,
    size: tuple[int, int],
    rotation_deg: int = 0,
) -> None:
    """Write pictures as they come; memory stays at a few frames.

    Args:
        pictures: RGB uint8 (H, W, 3), upright, as a viewer shall see them.
        ticks: each picture's presentation time in units of `time_base`, increasing, the first 0.
        time_base: seconds per tick.
        size: (H, W) of the pictures, both even.
        rotation_deg: 0, 90, 180 or 270: how far clockwise a player must turn what is stored.
    """
    height, width = size if rotation_deg % 180 == 0 else size[::-1]
    with av.open(
        str(path), "w", format="mp4", options={"fflags": "+bitexact", "movflags": "+faststart"}
    ) as out:
        stream = out.add_stream(
            "libx264",
            rate=round(1 / time_base) if time_base.numerator == 1 else 30,
            options=_OPTIONS,
        )
        assert isinstance(stream, VideoStream)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.time_base = stream.codec_context.time_base = time_base
        if rotation_deg:
            stream.set_display_rotation(-rotation_deg)  # PyAV counts counter-clockwise
        for picture, tick in zip(pictures, ticks, strict=True):
            stored = np.ascontiguousarray(np.rot90(picture, rotation_deg // 90))
            frame = av.VideoFrame.from_ndarray(_yuv(stored), format="yuv420p")
            frame.pts, frame.time_base = tick, time_base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _yuv(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB (H, W, 3) -> planar 4:2:0 (H * 3 / 2, W), BT.601 limited range, which decoders assume at
    these sizes.
    """
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)

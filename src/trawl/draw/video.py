"""Writes pictures and their times as H.264 in MP4, for three purposes.

    write_mp4      a generated video, possibly stored rotated: exact ticks
    write_copy     a copy of a video: same frames, times and size, or an error
    write_video    a video for a page: any times and sizes, starting at 0

All three use PyAV with libx264 and put no date and no machine name into the file, so the same
pictures give the same bytes wherever the same encoder runs. Frames are encoded as they come, so
memory depends on neither the length nor the size of the video.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from trawl.errors import VideoError
from trawl.records.video import Reason

_TIME_BASE = Fraction(1, 90_000)  # exact for whole milliseconds and for all usual frame rates
TICK_S = float(_TIME_BASE)  # copies keep times to half of this
# x264's AVX-512 code gave other bytes in about every second run of the same pictures. Up to SSE4.2
# it never did, at equal speed. A keyframe every 60 frames keeps seeking quick.
_OPTIONS = {"preset": "veryfast", "g": "60", "x264-params": "asm=sse4.2"}
_CRF_GENERATED, _CRF_PAGE = 21, 23

Frames = Iterable[tuple[NDArray[np.uint8], int]]  # a picture and its time in ticks


def write_mp4(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    ticks: Iterable[int],
    time_base: Fraction,
    rotation_deg: int = 0,
) -> None:
    """Write a generated video.

    A rotated video is stored rotated, with the matrix that turns it back, as phones do.

    Args:
        pictures: (H, W, 3) uint8 RGB, upright as a viewer sees them; H and W are even.
        ticks: Each picture's presentation time in units of `time_base`, increasing, the first 0.
        time_base: Seconds per tick.
        rotation_deg: 0, 90, 180 or 270: how far clockwise a player must turn the stored pictures.
    """
    stored = (
        (_i420(np.ascontiguousarray(np.rot90(picture, rotation_deg // 90))), tick)
        for picture, tick in zip(pictures, ticks, strict=True)
    )
    rate = round(1 / time_base) if time_base.numerator == 1 else 30
    _encode(path, stored, time_base, _CRF_GENERATED, rate=rate, rotation_deg=rotation_deg)


def write_copy(path: Path, pictures: Iterable[tuple[NDArray[np.uint8], float]], crf: int) -> int:
    """Write (picture, time_s) pairs and return how many.

    Args:
        path: Ends in ".mp4"; replaced if it exists.
        pictures: (H, W, 3) uint8 RGB as displayed, all of one size; time_s increasing.
        crf: x264's quality, 0 (lossless) to 51.

    Raises:
        VideoError: CORRUPT if two times fall on one tick or decrease.
    """

    def frames() -> Iterator[tuple[NDArray[np.uint8], int]]:
        last_tick = None
        for picture, time_s in pictures:
            tick = round(time_s / _TIME_BASE)
            if last_tick is not None and tick <= last_tick:
                raise VideoError(
                    Reason.CORRUPT, f"two pictures at {time_s:.6f} s: a copy cannot keep them apart"
                )
            yield picture, tick
            last_tick = tick

    return _encode(path, frames(), _TIME_BASE, crf)


def write_video(
    path: Path, pictures: Iterable[tuple[NDArray[np.uint8], float]], threads: int = 2
) -> int:
    """Write (picture, time_s) pairs and return how many; without a picture, no file is left.

    Args:
        path: Ends in ".mp4"; replaced if it exists.
        pictures: (H, W, 3) uint8 RGB, all of one size. A picture whose time does not come after
            the previous one is left out. Browsers play only even sizes, so the last row or column
            of an odd one is repeated.
        threads: Threads of the encoder; each holds a few pictures.
    """

    def frames() -> Iterator[tuple[NDArray[np.uint8], int]]:
        first_s, last_tick = None, -1
        for picture, time_s in pictures:
            first_s = time_s if first_s is None else first_s
            tick = round((time_s - first_s) / _TIME_BASE)
            if tick > last_tick:
                odd = ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0))
                yield np.pad(picture, odd, "edge"), tick
                last_tick = tick

    count = _encode(path, frames(), _TIME_BASE, _CRF_PAGE, threads=threads)
    if not count:
        path.unlink(missing_ok=True)
    return count


def _encode(
    path: Path,
    frames: Frames,
    time_base: Fraction,
    crf: int,
    *,
    rate: int = 30,
    rotation_deg: int = 0,
    threads: int = 1,
) -> int:
    """Encode frames and return how many.

    Args:
        frames: Pictures as stored, (H, W, 3) RGB or (H * 3 / 2, W) planar 4:2:0, and their ticks.
        rate: Nominal frames per second, which x264 uses to distribute bits.
    """
    import av
    from av.video.stream import VideoStream

    stream: VideoStream | None = None
    count = 0
    options = {"fflags": "+bitexact", "movflags": "+faststart"}
    with av.open(str(path), "w", format="mp4", options=options) as file:
        for picture, tick in frames:
            is_rgb = picture.ndim == 3
            if stream is None:
                quality = {"crf": str(crf), "threads": str(threads)}
                stream = file.add_stream("libx264", rate=rate, options=_OPTIONS | quality)
                stream.width = picture.shape[1]
                stream.height = picture.shape[0] if is_rgb else picture.shape[0] * 2 // 3
                # 4:2:0 halves the sides for the colours, which needs even ones
                is_even = stream.height % 2 == stream.width % 2 == 0
                stream.pix_fmt = "yuv420p" if is_even else "yuv444p"
                stream.time_base = stream.codec_context.time_base = time_base
                if rotation_deg:
                    stream.set_display_rotation(-rotation_deg)  # PyAV counts counter-clockwise
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(picture), "rgb24" if is_rgb else "yuv420p"
            )
            frame.pts, frame.time_base = tick, time_base
            file.mux(stream.encode(frame))
            count += 1
        if stream is not None:
            file.mux(stream.encode(None))
    return count


def _i420(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert RGB (H, W, 3) to planar 4:2:0 (H * 3 / 2, W) in BT.601 limited range.

    Decoders assume that range at the sizes of generated videos.
    """
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)

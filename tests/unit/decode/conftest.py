"""Crafted videos, each made once, and the folder of real clips."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from crafted import VARIABLE, write_sound, write_video

B_FRAMES = {"x264-params": "bframes=3:b-adapt=0:b-pyramid=normal:keyint=12:scenecut=0"}
QUIET_X265 = "log-level=none:pools=1"

MAKERS: dict[str, Callable[[Path], Path]] = {
    "plain.mp4": write_video,
    "bframes.mp4": lambda p: write_video(p, options=B_FRAMES),
    "opengop.mp4": lambda p: write_video(
        p, options={"x264-params": B_FRAMES["x264-params"] + ":open-gop=1"}
    ),
    "fragmented.mp4": lambda p: write_video(
        p, container_options={"movflags": "frag_keyframe+empty_moov"}
    ),
    "faststart.mp4": lambda p: write_video(p, container_options={"movflags": "faststart"}),
    "sound.mp4": lambda p: write_video(p, sound=True),
    "offset.mp4": lambda p: write_video(p, times=[125 + i for i in range(60)]),
    "offset.mkv": lambda p: write_video(p, times=[125 + i for i in range(60)]),
    "variable.mp4": lambda p: write_video(p, times=VARIABLE, time_base=Fraction(1, 100)),
    "one.mp4": lambda p: write_video(p, frames=1),
    "odd.mp4": lambda p: write_video(p, size=(321, 243), pix_fmt="yuv444p"),
    "hevc10.mp4": lambda p: write_video(
        p, codec="libx265", pix_fmt="yuv420p10le", options={"x265-params": QUIET_X265}
    ),
    "hevc_opengop.mp4": lambda p: write_video(
        p, codec="libx265", options={"x265-params": f"{QUIET_X265}:bframes=3:open-gop=1"}
    ),
    "av1.mp4": lambda p: write_video(p, codec="libsvtav1", options={"preset": "12"}),
    "vp8.webm": lambda p: write_video(
        p, codec="libvpx", options={"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8"}
    ),
    "vp9.webm": lambda p: write_video(p, codec="libvpx-vp9", options={"cpu-used": "8"}),
    "prores.mov": lambda p: write_video(p, codec="prores_ks", pix_fmt="yuv422p10le"),
    "mjpeg.mov": lambda p: write_video(p, codec="mjpeg", pix_fmt="yuvj420p"),
    "h264.avi": lambda p: write_video(p, options=B_FRAMES),
    "mpeg4.avi": lambda p: write_video(p, codec="mpeg4"),
    "transport.ts": lambda p: write_video(p, options=B_FRAMES),
    "onekey.ts": lambda p: write_video(p, gop=1000),
    "program.mpg": lambda p: write_video(p, codec="mpeg2video"),
    "flash.flv": lambda p: write_video(p, codec="flv"),
    "windows.wmv": lambda p: write_video(p, codec="wmv2", container="asf"),
    "broadcast.mxf": lambda p: write_video(p, codec="mpeg2video"),
    "moving.gif": lambda p: write_video(p, codec="gif", pix_fmt="rgb8"),
    "raw.h264": lambda p: write_video(p, container="h264", options=B_FRAMES),
    "raw.hevc": lambda p: write_video(
        p, codec="libx265", container="hevc", options={"x265-params": QUIET_X265}
    ),
    "sound.m4a": write_sound,
}


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """name -> path of the crafted video of that name; not to be written to."""
    folder = tmp_path_factory.mktemp("clips")

    def get(name: str) -> Path:
        path = folder / name
        return path if path.exists() else MAKERS[name](path)

    return get


@pytest.fixture(scope="session")
def real_clips(real_videos: Path) -> list[Path]:
    """Real footage, from the folder that REAL_VIDEOS names."""
    return sorted(real_videos.glob("*.mp4"))

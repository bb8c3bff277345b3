"""Small real videos whose content a test can recognise."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from trawl.index.record import RunRecord

IndexJob = Callable[..., RunRecord]  # takes overrides as on the command line


@dataclass(frozen=True)
class RealIndex:
    """What the index job made of the real clips with the demo's embedder, and where."""

    root: Path
    where: list[str]
    run: RunRecord


COLORS = {
    "red": (220, 30, 30),
    "green": (30, 200, 40),
    "blue": (30, 40, 220),
    "gray": (128, 128, 128),
}


def write_video(
    path: Path, colors: list[str], seconds_each: float = 1.0, fps: int = 10, size: int = 64
) -> Path:
    """An H.264 file that shows one plain colour after the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=fps, width=size, height=size, pix_fmt="yuv420p")
        for color in colors:
            picture = np.full((size, size, 3), COLORS[color], np.uint8)
            for _ in range(round(seconds_each * fps)):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def write_moving(
    path: Path, colors: list[str], frames: int = 30, fps: int = 10, size: int = 64
) -> Path:
    """An H.264 file of squares on black, one of each colour, each in a row of its own and moving a
    pixel a frame.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(
            "libx264", rate=fps, width=size, height=size, pix_fmt="yuv444p", options={"crf": "10"}
        )
        for index in range(frames):
            out.mux(
                stream.encode(
                    av.VideoFrame.from_ndarray(moving_picture(colors, index, size), format="rgb24")
                )
            )
        out.mux(stream.encode(None))
    return path


def moving_picture(colors: list[str], index: int, size: int = 64) -> np.ndarray:
    """(size, size, 3) uint8: what frame `index` of `write_moving` shows."""
    picture = np.zeros((size, size, 3), np.uint8)
    row = size // len(colors)
    for number, color in enumerate(colors):
        left = 4 + index if number % 2 == 0 else size - 20 - index
        picture[number * row + 2 : number * row + 14, left : left + 14] = COLORS[color]
    return picture

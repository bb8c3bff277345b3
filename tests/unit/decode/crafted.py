"""Videos made for the tests: each picture shows its own number, so that a test can say which
picture it was given.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = (2, 4)  # rows and columns of the blocks that show the number

# frame times, in hundredths of a second
VARIABLE = np.cumsum([i % 5 + 1 for i in range(60)]).tolist()


def numbered(number: int, width: int, height: int, noise: int = 24) -> np.ndarray:
    """(H, W, 3) uint8: eight blocks, bright for the number's bits that are 1, over noise that keeps
    the encoder busy.
    """
    bits = np.array([(number >> bit) & 1 for bit in range(8)]).reshape(BITS)
    rows = np.arange(height) * BITS[0] // height
    columns = np.arange(width) * BITS[1] // width
    light = np.where(bits[rows][:, columns], 200, 50)
    speckle = (
        np.random.default_rng(number).integers(-noise, noise + 1, (height, width)) if noise else 0
    )
    return np.repeat((light + speckle).astype(np.uint8)[..., None], 3, axis=2)


def number_of(picture: np.ndarray) -> int:
    """The number that a (squashed or full) picture shows."""
    height, width = picture.shape[:2]
    cells = picture[: height // 2 * 2, : width // 4 * 4].reshape(2, height // 2, 4, width // 4, 3)
    # the middle of each block, away from what its neighbours bleed into it
    middle = cells[
        :, height // 8 : height // 2 - height // 8, :, width // 16 : width // 4 - width // 16
    ]
    return int(((middle.mean(axis=(1, 3, 4)) > 125).reshape(-1) << np.arange(8)).sum())


def write_video(
    path: Path,
    frames: int | Sequence[np.ndarray] = 60,
    size: tuple[int, int] = (320, 240),
    codec: str = "libx264",
    fps: int = 25,
    pix_fmt: str = "yuv420p",
    gop: int = 12,
    times: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    rotate: int = 0,
    options: dict[str, str] | None = None,
    container: str | None = None,
    container_options: dict[str, str] | None = None,
    noise: int = 24,
    sound: bool = False,
) -> Path:
    """Encode numbered pictures. times: presentation times in `time_base` (1 / fps); rotate:
    clockwise degrees to show them.
    """
    pictures = (
        [numbered(i, *size, noise) for i in range(frames)] if isinstance(frames, int) else frames
    )
    size = (pictures[0].shape[1], pictures[0].shape[0])
    with av.open(str(path), "w", format=container, options=container_options or {}) as out:
        stream = out.add_stream(codec, rate=fps, options={"threads": "1", **(options or {})})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.gop_size = gop
        stream.codec_context.time_base = time_base or Fraction(1, fps)
        if rotate:
            stream.set_display_rotation(-rotate)
        if sound:
            add_sound(out)
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts = times[i] if times is not None else i
            frame.time_base = time_base or Fraction(1, fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def add_sound(out: av.container.OutputContainer, seconds: float = 1.0) -> None:
    """A quiet AAC track."""
    stream = out.add_stream("aac", rate=44100, layout="mono")
    for i in range(int(seconds * 44100 / 1024)):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 44100, i * 1024, Fraction(1, 44100)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def write_sound(path: Path) -> Path:
    """A file with sound alone."""
    with av.open(str(path), "w") as out:
        add_sound(out)
    return path


def damage(path: Path, at: float, count: int = 200, seed: int = 0) -> Path:
    """Overwrite `count` bytes at the fraction `at` of the file with random ones."""
    data = bytearray(path.read_bytes())
    start = int(len(data) * at)
    data[start : start + count] = np.random.default_rng(seed).bytes(min(count, len(data) - start))
    path.write_bytes(data)
    return path

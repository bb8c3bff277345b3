"""A corpus of small videos that changes overnight, and the rows that each of its videos must have.

A handful of clips of different lengths are encoded once; every video is a copy of one of them.
Videos lie in a folder or on S3.
"""

import random
import tempfile
from functools import cache
from pathlib import Path

from tests.chaos.s3 import client

EVERY_S = 0.2  # of video between sampled frames: every second frame of these
_FPS = 10
_LENGTHS = (10, 14, 20, 26, 30, 40)  # frames


@cache
def clip(frames: int, side: int = 64) -> bytes:
    """An H.264 file of a moving gradient."""
    import av
    import numpy as np

    ramp = np.linspace(0, 255, side).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(path), "w") as out:
            stream = out.add_stream(
                "libx264", rate=_FPS, width=side, height=side, pix_fmt="yuv420p"
            )
            for index in range(frames):
                picture = np.repeat(np.tile(np.roll(ramp, 3 * index), (side, 1))[:, :, None], 3, 2)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            out.mux(stream.encode(None))
        return path.read_bytes()


class Corpus:
    """Videos at a URI. `rows`: how many rows the index must have of each."""

    def __init__(self, uri: str, videos: int, seed: int, endpoint: str | None = None) -> None:
        self.uri, self._endpoint, self._random = uri, endpoint, random.Random(seed)
        self.rows: dict[str, int] = {}
        self._lengths: dict[str, int] = {}
        self._made = 0
        for _ in range(videos):
            self._add()

    def change(self, videos: int) -> None:
        """A day goes by: so many videos are new, half as many each replaced, renamed and deleted."""
        for _ in range(videos):
            self._add()
        old = self._random.sample(sorted(self.rows), min(3 * (videos // 2), len(self.rows) // 2))
        for place, name in enumerate(old):
            if place % 3 == 0:
                self._put(
                    name, self._random.choice([n for n in _LENGTHS if n != self._lengths[name]])
                )
                continue
            if place % 3 == 1:
                self._put(self._name(), self._lengths[name])
            self._delete(name)

    def _name(self) -> str:
        self._made += 1
        return f"camera-{self._made % 3}/clip-{self._made:05d}.mp4"

    def _add(self) -> None:
        self._put(self._name(), self._random.choice(_LENGTHS))

    def _put(self, name: str, frames: int) -> None:
        self.put(name, clip(frames))
        self.rows[name], self._lengths[name] = -(-frames // 2), frames

    def put(self, name: str, data: bytes) -> None:
        """Write a file; `rows` knows nothing of it."""
        if self._endpoint:
            bucket, key = self._place(name)
            client(self._endpoint).put_object(Bucket=bucket, Key=key, Body=data)
        else:
            path = Path(self.uri, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def _delete(self, name: str) -> None:
        del self.rows[name]
        if self._endpoint:
            bucket, key = self._place(name)
            client(self._endpoint).delete_object(Bucket=bucket, Key=key)
        else:
            Path(self.uri, name).unlink()

    def _place(self, name: str) -> tuple[str, str]:
        bucket, _, key = f"{self.uri}/{name}".removeprefix("s3://").partition("/")
        return bucket, key

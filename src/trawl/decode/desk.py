"""Pictures for a contact sheet: the videos' own frames, decoded where they can do no harm.

A video that is gone, has changed since it was indexed or does not decode costs its picture and
nothing else: the reason stands in its place. Two sandboxes share the work, a video each at a time.
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from trawl.config.data import DecodeConfig, StorageConfig
from trawl.corpus.fetch import localize
from trawl.corpus.files import stat_file
from trawl.decode.sandbox import DecodeSandbox
from trawl.errors import StorageError, VideoError
from trawl.records.search import Segment, Source

_SANDBOXES = 2


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture, (H, W, 3) uint8 RGB, or None and a note that says why there is none."""

    pixels: NDArray[np.uint8] | None
    note: str = ""


class PictureDesk:
    """Fetches pictures by video and time.

    Use it as a context manager; enter it early, its processes take a while to start.
    """

    def __init__(self, decode: DecodeConfig, storage: StorageConfig) -> None:
        self._decode = decode
        self._storage = storage
        self._idle: SimpleQueue[DecodeSandbox] = SimpleQueue()
        self._sandboxes = [DecodeSandbox(decode) for _ in range(_SANDBOXES)]
        for sandbox in self._sandboxes:
            self._idle.put(sandbox)

    def __enter__(self) -> "PictureDesk":
        for sandbox in self._sandboxes:
            sandbox.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        for sandbox in self._sandboxes:
            sandbox.close()

    def best_frames(
        self, segments: Iterable[Segment], sources: Mapping[str, Source], width: int
    ) -> dict[tuple[str, float], Shot]:
        """The pictures of segments' best frames, by (video_id, best_time_s); see `fetch`."""
        wanted: dict[str, list[float]] = {}
        for video_id, time_s in sorted({(one.video_id, one.best_time_s) for one in segments}):
            wanted.setdefault(video_id, []).append(time_s)
        return self.fetch(wanted, sources, width)

    def fetch(
        self, wanted: Mapping[str, Sequence[float]], sources: Mapping[str, Source], width: int
    ) -> dict[tuple[str, float], Shot]:
        """The pictures at `wanted[video_id]`, times in seconds, by (video_id, time).

        width: of a picture at most, pixels.
        """
        with (
            tempfile.TemporaryDirectory(prefix="trawl-pictures-") as scratch,
            ThreadPoolExecutor(_SANDBOXES) as pool,
        ):
            work = [
                (video_id, tuple(times), sources[video_id]) for video_id, times in wanted.items()
            ]
            shots = pool.map(
                lambda item: self._of_video(item[2], item[1], width, Path(scratch)), work
            )
            return {
                (video_id, time_s): shot
                for (video_id, times, _), found in zip(work, shots, strict=True)
                for time_s, shot in zip(times, found, strict=True)
            }

    def _of_video(
        self, source: Source, times_s: Sequence[float], width: int, scratch: Path
    ) -> list[Shot]:
        if _changed(source, self._storage):
            return [Shot(None, "this video is gone or has changed since it was indexed")] * len(
                times_s
            )
        sandbox = self._idle.get()
        try:
            with localize(source.uri, self._storage, scratch, self._decode.max_bytes) as path:
                return [
                    Shot(picture.pixels) for picture in sandbox.thumbnails(path, times_s, width)
                ]
        except VideoError as error:
            return [Shot(None, f"no picture: {error.message}")] * len(times_s)
        finally:
            self._idle.put(sandbox)


def _changed(source: Source, storage: StorageConfig) -> bool:
    """A manifest's row adds "+..." to the fingerprint of the file; only the file matters for a
    picture.
    """
    try:
        return (
            stat_file(source.uri, "", storage).fingerprint != source.fingerprint.partition("+")[0]
        )
    except StorageError:
        return True

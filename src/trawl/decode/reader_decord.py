"""Wanted pictures of a video by decord, for those who ask for it; and whether it can be trusted
with this video.

decord finds its own way through a file: it counts pictures and times by itself, opens playlists,
and hands out a neighbour's picture where one is missing. So it is given only files whose container
was sniffed, and must agree with the probe on every count, time and keyframe, and with FFmpeg on the
first and the last wanted picture. What nobody can check from outside is damage inside a packet:
decord conceals that without a word, and so `auto` does not choose it. To be called inside the
sandbox only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trawl.config.data import DecodeConfig
from trawl.decode import reader_pyav
from trawl.decode.container import Damage
from trawl.decode.probe import Scan
from trawl.records.arrays import Indices

_CONTAINERS = ("mp4", "matroska", "avi")  # decord guesses the format; these it guesses right
_BATCH_BYTES = 32 * 2**20  # of full-size pictures that it may hold at a time
# mean difference of two decodings of one picture, of 255: they differ in rounding alone
_SAME = 3.0


class DistrustError(Exception):
    """decord sees another video than the probe does: why, for the log."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One picture, as displayed. decord does not tell of damage, so `suspect` is always False."""

    frame_index: int
    picture: NDArray[np.uint8]
    suspect: bool = False

    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3)."""
        return self.picture

    def small(self, width: int) -> NDArray[np.uint8]:
        """(h, width, 3) BGR."""
        height = max(1, round(self.picture.shape[0] * width / self.picture.shape[1]))
        small = cv2.resize(self.picture, (width, height), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(small[..., ::-1], np.uint8)


def decode(path: Path, scan: Scan, wanted: Indices, limits: DecodeConfig) -> Iterator[Decoded]:
    """The wanted pictures, in order.

    wanted: (N,) increasing frame_index.

    Raises:
        DistrustError: decord fails on this video or is not right about it. Nothing has been yielded
            then, except where it fails halfway.
    """
    from decord import DECORDError, DECORDLimitReachedError, VideoReader

    try:
        # fault_tol: fail at the second lost picture
        reader = VideoReader(str(path), num_threads=1, fault_tol=1)
        _agree(reader, path, scan, wanted, limits)
        batch = max(1, _BATCH_BYTES // (scan.probe.width * scan.probe.height * 3))
        for start in range(0, len(wanted), batch):
            some = wanted[start : start + batch]
            for index, picture in zip(some, _pictures(reader, some)):
                yield Decoded(int(index), picture)
    except (DECORDError, DECORDLimitReachedError, RuntimeError) as error:
        raise DistrustError(f"decord fails: {str(error).splitlines()[0][:200]}") from error


def _pictures(reader: Any, wanted: Indices) -> NDArray[np.uint8]:
    pictures: NDArray[np.uint8] = reader.get_batch(wanted).asnumpy()
    return pictures


def _agree(reader: Any, path: Path, scan: Scan, wanted: Indices, limits: DecodeConfig) -> None:
    probe = scan.probe
    if probe.container not in _CONTAINERS or not scan.timed or scan.damage:
        raise DistrustError(f"not for decord: {probe.container}, {scan.damage or 'sound'}")
    if len(reader) != len(probe.times_s):
        raise DistrustError(
            f"decord counts {len(reader)} pictures, the packets {len(probe.times_s)}"
        )
    if not np.array_equal(reader.get_key_indices(), np.flatnonzero(probe.keyframe)):
        raise DistrustError("decord finds other keyframes")
    begins_s = reader.get_frame_timestamp(np.arange(len(reader)))[:, 0]
    if not np.allclose(begins_s, probe.times_s - probe.times_s[0], atol=2e-3):
        raise DistrustError("decord finds other times")
    ends = np.unique(wanted[[0, -1]])
    ours = {
        one.frame_index: one.rgb() for one in reader_pyav.decode(path, scan, ends, limits, Damage())
    }
    for index, theirs in zip(ends, _pictures(reader, ends)):
        mine = ours.get(int(index))
        if (
            mine is None
            or mine.shape != theirs.shape
            or np.abs(mine.astype(np.int16) - theirs).mean() > _SAME
        ):
            raise DistrustError(f"decord shows another picture at frame {index}")

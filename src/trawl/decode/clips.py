"""Decodes every picture of a stretch of a video, at display size, for tracking.

Pictures are numbered by the same scan of the packets as for the index, so a frame_index means the
same picture in both. The decoder is always PyAV, also where the index used decord: decord is
accepted for a video only if its count, times and keyframes agree with that scan. Pictures that do
not decode are left out, as the times show. Call this inside the sandbox only.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from trawl.config.data import DecodeConfig, SamplingConfig
from trawl.decode import reader_pyav
from trawl.decode.container import Damage, identify
from trawl.decode.probe import scan
from trawl.decode.reader import cpu_s, peak_mb
from trawl.decode.sampling import Span, inside, plan
from trawl.errors import VideoError
from trawl.records.arrays import Indices, Times
from trawl.records.tracking import ClipFrames
from trawl.records.video import DecodeReport, Reason

_BATCH_BYTES = 8 << 20


def clip_frames(
    path: Path, span: Span, max_fps: float | None, max_side: int | None, limits: DecodeConfig
) -> Iterator[ClipFrames | DecodeReport]:
    """Pictures with a time in [start_s, end_s), in order, in batches of about 8 MB, and last one
    DecodeReport.

    max_fps: at most so many a second, None is all of them. max_side: pictures with a longer side
    are scaled down to it.

    Raises:
        VideoError: whatever opening the file deserves; NO_FRAMES where no picture has such a time,
            CORRUPT where none decodes.
    """
    started_s = cpu_s()
    found = scan(path, identify(path, limits), limits)
    times_s = found.probe.times_s
    wanted = _wanted(times_s, found.probe.keyframe, span, max_fps)
    if not len(wanted):
        raise VideoError(Reason.NO_FRAMES, f"no picture between {span[0]:.3f} and {span[1]:.3f} s")
    missing, damage = set(wanted.tolist()), Damage(found.damage)
    held: list[tuple[int, NDArray[np.uint8]]] = []
    decoded, suspect = 0, 0
    done = -1  # damaged time stamps may bring an earlier picture after its batch has gone
    for one in reader_pyav.decode(path, found, wanted, limits, damage):
        decoded += 1
        if one.frame_index in missing and one.frame_index > done:
            missing.remove(one.frame_index)
            suspect += one.suspect
            held.append((one.frame_index, _at_most(one.rgb(), max_side)))
            if len(held) * held[0][1].nbytes >= _BATCH_BYTES:
                batch = _batch(held, times_s)
                yield batch
                done, held = int(batch.frame_index[-1]), []
    if held:
        yield _batch(held, times_s)
    if len(missing) == len(wanted):
        raise VideoError(Reason.CORRUPT, f"no picture decodes: {damage}")
    shown = len(wanted) - len(missing)
    spent_s = cpu_s() - started_s
    yield DecodeReport(
        found.probe, "pyav", decoded, shown, suspect, str(damage), spent_s, peak_mb()
    )


def _wanted(
    times_s: Times, keyframe: NDArray[np.bool_], span: Span, max_fps: float | None
) -> Indices:
    if max_fps is None:
        return np.flatnonzero(inside(times_s, span))
    return plan(times_s, keyframe, SamplingConfig(policy="interval", every_s=1 / max_fps), span)


def _at_most(picture: NDArray[np.uint8], side: int | None) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if side is None or max(height, width) <= side:
        return picture
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _batch(held: list[tuple[int, NDArray[np.uint8]]], times_s: Times) -> ClipFrames:
    held.sort(key=lambda item: item[0])
    index = np.array([frame_index for frame_index, _ in held], np.int64)
    return ClipFrames(np.stack([picture for _, picture in held]), index, times_s[index])

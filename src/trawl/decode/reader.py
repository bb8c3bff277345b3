"""One video, or one span of it, to batches of small pictures and a report of how it went.

Scan, choose the frames, decode, resize, batch. Whatever comes out carries its true time and place,
and a flag where the decoder concealed damage; what does not come out is told in the report. `auto`
is PyAV: it decodes only what a sample needs, was faster than decord for every sampling policy
(benchmarks/decode.py), and is the only one of the two that says which pictures are damaged. Knows
nothing of processes and limits on them: `sandbox.py` runs this where it can do no harm.
"""

import resource
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from trawl.config.data import DecodeConfig, SamplingConfig
from trawl.decode import reader_decord, reader_pyav
from trawl.decode.container import Damage, identify, is_cut_short
from trawl.decode.probe import Scan, scan
from trawl.decode.resize import Picture, resize
from trawl.decode.sampling import PLANNED, Span, inside, plan
from trawl.decode.shots import Decoded, sample_shots
from trawl.errors import VideoError
from trawl.records.arrays import Indices
from trawl.records.video import DecodeReport, FrameBatch, ImageSpec, Reason

BATCH = 32  # pictures: 5 MB at 224 pixels


class Sampled(NamedTuple):
    """One picture on its way into a batch."""

    picture: Picture
    frame_index: int
    shot: int
    substituted: bool


class Tally:
    """Counts what the report will say, as pictures pass."""

    def __init__(self, damage: Damage) -> None:
        self.decoder = "pyav"
        self.damage = damage
        self.decoded = 0
        self.sampled = 0
        self.substituted = 0


def read(
    path: Path,
    sampling: SamplingConfig,
    spec: ImageSpec,
    limits: DecodeConfig,
    span: Span | None = None,
) -> Iterator[FrameBatch | DecodeReport]:
    """Batches of at most `BATCH` sampled pictures, then one DecodeReport.

    In order of time; where damage has put pictures out of order, in order within each batch.

    path: a local file. span: only what is sampled in [start_s, end_s); spans that meet add up to
    the whole exactly.

    Raises:
        VideoError: whatever `probe` raises, and CORRUPT where no sampled picture of the whole video
            decodes.
    """
    started_s = cpu_s()
    found = scan(path, identify(path, limits), limits)
    tally = Tally(Damage(found.damage))
    pictures = _sampled(path, found, sampling, spec, limits, span, tally)
    while some := list(islice(pictures, BATCH)):
        tally.sampled += len(some)
        tally.substituted += sum(one.substituted for one in some)
        yield _batch(some, found)
    if not tally.sampled and (span is None or inside(found.probe.times_s, span).all()):
        reason = Reason.TRUNCATED if is_cut_short(path, found.probe.container) else Reason.CORRUPT
        raise VideoError(reason, f"no picture decodes: {tally.damage}")
    yield DecodeReport(
        probe=found.probe,
        decoder=tally.decoder,
        frames_decoded=tally.decoded,
        frames_sampled=tally.sampled,
        frames_substituted=tally.substituted,
        damage=str(tally.damage),
        cpu_s=cpu_s() - started_s,
        peak_mb=peak_mb(),
    )


def _sampled(
    path: Path,
    found: Scan,
    sampling: SamplingConfig,
    spec: ImageSpec,
    limits: DecodeConfig,
    span: Span | None,
    tally: Tally,
) -> Iterator[Sampled]:
    times_s = found.probe.times_s
    if sampling.policy not in PLANNED:
        pictures = _decoded(path, found, np.arange(len(times_s)), limits, tally)
        within = inside(times_s, span)
        for one, shot in sample_shots(pictures, times_s, sampling):
            if within[one.frame_index]:
                yield Sampled(resize(one.rgb(), spec), one.frame_index, shot, one.suspect)
        return
    wanted = plan(times_s, found.probe.keyframe, sampling, span)
    missing = set(wanted.tolist())
    for one in _decoded(path, found, wanted, limits, tally):
        if one.frame_index in missing:
            missing.remove(one.frame_index)
            yield Sampled(resize(one.rgb(), spec), one.frame_index, -1, one.suspect)
    if missing:
        tally.damage.add(f"{len(missing)} of {len(wanted)} sampled pictures do not decode")


def _decoded(
    path: Path, found: Scan, wanted: Indices, limits: DecodeConfig, tally: Tally
) -> Iterator[Decoded]:
    """Pictures of the decoder that `decode.decoder` asks for; PyAV goes on where decord cannot be
    trusted.
    """
    done = -1
    if limits.decoder == "decord" and len(wanted):
        try:
            tally.decoder = "decord"
            for theirs in reader_decord.decode(path, found, wanted, limits):
                tally.decoded += 1
                done = theirs.frame_index
                yield theirs
            return
        except reader_decord.DistrustError:
            tally.decoder = "pyav"
    for ours in reader_pyav.decode(path, found, wanted[wanted > done], limits, tally.damage):
        tally.decoded += 1
        if ours.frame_index > done:
            yield ours


def _batch(some: list[Sampled], found: Scan) -> FrameBatch:
    some = sorted(some, key=lambda one: one.frame_index)
    index = np.array([one.frame_index for one in some], np.int64)
    return FrameBatch(
        frames=np.stack([one.picture for one in some]),
        frame_index=index,
        time_s=found.probe.times_s[index],
        shot=np.array([one.shot for one in some], np.int32),
        substituted=np.array([one.substituted for one in some], np.bool_),
    )


def cpu_s() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mb() -> float:
    """The highest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts KiB

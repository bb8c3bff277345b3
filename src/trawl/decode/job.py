"""Defines what the sandbox is asked to do with one file, and the functions that do it inside.

A job is plain settings, so that the parent can build one without loading a decoder; `run` loads
them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trawl.config.data import DecodeConfig, SamplingConfig
from trawl.decode.wire import Message
from trawl.records.video import ImageSpec


@dataclass(frozen=True, slots=True)
class ProbeJob:
    """Say what the file holds."""

    path: Path
    limits: DecodeConfig


@dataclass(frozen=True, slots=True)
class DecodeJob:
    """Sample the file, or what lies in `span` of it."""

    path: Path
    limits: DecodeConfig
    sampling: SamplingConfig
    spec: ImageSpec
    span: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class ThumbnailJob:
    """Show the pictures at these times, `width` pixels wide."""

    path: Path
    limits: DecodeConfig
    times_s: tuple[float, ...]
    width: int


@dataclass(frozen=True, slots=True)
class ClipJob:
    """Show every picture in `span`, at most `max_fps` a second, no side longer than `max_side`
    pixels.
    """

    path: Path
    limits: DecodeConfig
    span: tuple[float, float]
    max_fps: float | None
    max_side: int | None


Job = ProbeJob | DecodeJob | ThumbnailJob | ClipJob


def run(job: Job) -> Iterator[Message]:
    """Do the job.

    Raises:
        VideoError: whatever the file deserves.
    """
    match job:
        case ProbeJob():
            from trawl.decode.container import identify
            from trawl.decode.probe import probe

            yield probe(job.path, identify(job.path, job.limits), job.limits)
        case DecodeJob():
            from trawl.decode.reader import read

            yield from read(job.path, job.sampling, job.spec, job.limits, job.span)
        case ThumbnailJob():
            from trawl.decode.thumbnails import thumbnails

            yield from thumbnails(job.path, job.times_s, job.width, job.limits)
        case ClipJob():
            from trawl.decode.clips import clip_frames

            yield from clip_frames(job.path, job.span, job.max_fps, job.max_side, job.limits)

"""The one Ray actor of the tracking pipeline: a clip in, its parts of the two tables written,
counts out.

Holds the three models, because a clip's frames are large and all three look at them. The frames
come from the sandboxed decoder's pipe while the models work on earlier ones, and never leave the
process.
"""

import tempfile
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trawl.errors import VideoError
from trawl.models.devices import gpu_peak_mb
from trawl.records.tracking import Clip, Track
from trawl.records.video import DecodeReport, Probe
from trawl.runtime import process as heap
from trawl.runtime.process import peak_mb
from trawl.track.task import ClipDone, ClipRefused, TrackJob, TrackModels, TrackTask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trawl.decode.resize import Picture
    from trawl.decode.sandbox import DecodeSandbox
    from trawl.records.arrays import Embeddings
    from trawl.records.tracking import ClipFrames
    from trawl.track.meters import Meter


class TrackActor:
    """Finds and follows what clips are searched for."""

    def __init__(self, models: TrackModels) -> None:
        from trawl.models import grounders
        from trawl.models.clip import embedders as registry
        from trawl.models.sam2 import trackers

        self._models = models
        self._job: TrackJob | None = None
        self._sandbox: DecodeSandbox | None = None
        self._embedder = registry.build(models.embedder, models.device, threads=models.threads)
        self._finder = grounders.build(
            models.grounder, self._embedder, models.device, models.threads
        )
        self._tracker = trackers.build(models.tracker, models.tracker_device, models.threads)
        self._on_gpu = _parts_on_gpu(models)

    def ready(self) -> None:
        """Returns when the actor can work."""
        import trawl.storage
        import trawl.track.follow
        import trawl.track.meters
        import trawl.track.reuse.memory
        import trawl.track.tables  # noqa: F401

    def process(self, task: TrackTask) -> ClipDone | ClipRefused:
        """Track one clip and write what was found, also when that is nothing."""
        self._begin(task.job)
        try:
            return self._copy(task.job, task.clip) or self._follow(task.job, task.clip, task.uri)
        except VideoError as error:
            return ClipRefused(error.reason, error.message)

    def _begin(self, job: TrackJob) -> None:
        """Make what depends on the job's settings, where it is another job than before."""
        from trawl import ground
        from trawl.decode.sandbox import DecodeSandbox
        from trawl.query import templates
        from trawl.storage import Storage

        before, self._job = self._job, job
        if before == job:
            return
        self._storage = Storage.open(job.storage)
        self._scratch = Path(job.scratch or tempfile.gettempdir())
        if self._sandbox is None or before is None or before.decode != job.decode:
            if self._sandbox is not None:
                self._sandbox.close()
            self._sandbox = DecodeSandbox(job.decode)
            self._sandbox.start()
        sentences = partial(templates.fill, templates=job.templates)
        self._grounder = ground.grounder(self._finder, job.grounding, sentences)

    def _copy(self, job: TrackJob, clip: Clip) -> ClipDone | None:
        """The clip as an earlier run followed it with the same settings, None where none did."""
        if job.reuse is None:
            return None
        from trawl.track.reuse.memory import copied

        began = (time.process_time(), time.perf_counter())
        done = copied(self._storage, job, clip)
        if done is None:
            return None
        spent = time.process_time() - began[0], time.perf_counter() - began[1]
        return replace(done, cpu_s={"other": spent[0]}, wall_s={"other": spent[1]})

    def _follow(self, job: TrackJob, clip: Clip, uri: str) -> ClipDone:
        from trawl.corpus.fetch import localize
        from trawl.ground import Kept
        from trawl.track.follow import follow
        from trawl.track.meters import Meter, MeteredGrounder, MeteredTracker
        from trawl.track.reuse.memory import memory
        from trawl.track.tables import write_clip

        meter, began = Meter(), (time.process_time(), time.perf_counter())
        known = memory(self._storage, job, clip)
        reports: list[DecodeReport] = []
        looked: list[int] = []
        where = (uri, job.storage, self._scratch, job.decode.max_bytes)
        with localize(*where, clip.fingerprint) as path:  # the clips of one video share a copy
            found = follow(
                self._frames(path, clip, reports, looked),
                clip.targets,
                Kept(MeteredGrounder(known.grounder(self._grounder), meter), job.grounding),
                known.tracker(MeteredTracker(self._tracker, meter)),
                known.embed(lambda crops: self._embed(crops, meter)),
                job.tracking,
            )
        tracks = found.tracks
        bytes_written = write_clip(
            self._storage, job.dataset, job.run_id, clip, tracks, job.lineage, looked
        )
        (report,) = reports
        done = ClipDone(
            frames=report.frames_sampled,
            tracks=len(tracks),
            masks=sum(row.rle is not None for track in tracks for row in track.rows),
            rows=sum(len(track.rows) for track in tracks),
            bytes_written=bytes_written,
            video_s=_covered_s(clip, report.probe),
            flags=_flags(tracks),
            best_score=meter.best_score,
            damage=report.damage,
            gpu_s=self._models.gpus * sum(meter.wall_s[part] for part in self._on_gpu),
            decoder_mb=report.peak_mb,
            cpu_s=_with_rest(meter.cpu_s, time.process_time() - began[0])
            | {"decode": report.cpu_s},
            wall_s=_with_rest(meter.wall_s, time.perf_counter() - began[1]),
            saved=known.tally.saved,
            made=known.tally.made,
            saved_cpu_s=dict(known.tally.saved_cpu_s),
        )
        known.keep(done)
        return done

    def _frames(
        self, path: Path, clip: Clip, reports: list[DecodeReport], looked: list[int]
    ) -> "Iterator[ClipFrames]":
        """The clip's pictures as they are decoded; the report goes to `reports`, their positions to
        `looked`.
        """
        assert self._job is not None and self._sandbox is not None
        tracking = self._job.tracking
        for item in self._sandbox.clip(
            path, (clip.start_s, clip.end_s), tracking.max_fps, tracking.max_side
        ):
            if isinstance(item, DecodeReport):
                reports.append(item)
            else:
                looked += item.frame_index.tolist()
                yield item
                heap.give_back()

    def _embed(self, crops: "Sequence[Picture]", meter: "Meter") -> "Embeddings":
        """(h, w, 3) pictures of any size -> (N, D), as the index embeds frames."""
        from trawl.decode.resize import resize

        spec = self._embedder.image_spec
        pictures = np.empty((len(crops), spec.size, spec.size, 3), np.uint8)
        for picture, crop in zip(pictures, crops, strict=True):
            picture[:] = resize(crop, spec)
        with meter.of("embed"):
            return self._embedder.embed_images(pictures)

    def spent(self) -> tuple[float, float | None]:
        """Peak memory in MiB: of this process, its decoding child not in it, and on the GPU, None
        where it uses none.
        """
        return peak_mb(), gpu_peak_mb() if self._on_gpu else None

    def clear_cache(self) -> None:
        """Delete the copies of videos on this machine that nobody uses."""
        from trawl.corpus.cache import VideoCache

        if self._job is not None:
            VideoCache(self._scratch, 0).clear()


def _parts_on_gpu(models: TrackModels) -> tuple[str, ...]:
    """The parts of the work whose models run on a GPU.

    The fakes have no device, and torch need not be there for them.
    """
    from trawl.models.devices import on_gpu

    devices = {
        "embed": (models.embedder.kind, models.device),
        "ground": (models.grounder.kind, models.device),
        "track": (models.tracker.kind, models.tracker_device),
    }
    return tuple(
        part for part, (kind, device) in devices.items() if kind != "fake" and on_gpu(device)
    )


def _covered_s(clip: Clip, probe: Probe) -> float:
    """Seconds of presentation time inside the clip, whose ends may lie outside of the video."""
    first_s = float(probe.times_s[0])
    return max(0.0, min(clip.end_s, first_s + probe.duration_s) - max(clip.start_s, first_s))


def _with_rest(parts: dict[str, float], whole_s: float) -> dict[str, float]:
    return {**parts, "other": whole_s - sum(parts.values())}


def _flags(tracks: list[Track]) -> Counter[str]:
    """Tracks that have a flag, on themselves or on any row, by flag."""
    return Counter(
        flag.value
        for track in tracks
        for flag in {*track.flags, *(f for row in track.rows for f in row.flags)}
    )

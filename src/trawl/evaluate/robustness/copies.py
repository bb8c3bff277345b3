"""Makes perturbed copies of videos: decoded in the sandbox, perturbed and encoded again.

    driver   lists existing copies, distributes the missing ones, writes the manifest      1 process
    copy     decode (sandboxed child) -> perturb -> H.264 -> storage                       1:1 video

    <root>/<dataset>/perturbed/<perturbation>/<key>.mp4       key: hash of the video's name and
                                                              bytes and of the perturbing code
    <root>/<dataset>/perturbed/<perturbation>/videos.parquet  a manifest: the copies under their
                                                              videos' names and columns

A copy has its video's frames at the same times, or is refused, so the same ground truth applies.
Copies are kept and reused as long as the video does not change. They are files because low bitrate
is a perturbation that only an encoder makes, and because index and tracking then read them as any
other video. Memory holds one copy's bytes while it is written.
"""

import hashlib
import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trawl.config.data import DatasetConfig, DecodeConfig, StorageConfig
from trawl.config.models import ResourcesConfig
from trawl.corpus.fetch import localize
from trawl.corpus.source import list_videos
from trawl.draw.video import TICK_S, write_copy
from trawl.errors import DatasetError, VideoError
from trawl.evaluate.robustness import perturb
from trawl.evaluate.robustness.perturb import Perturbation
from trawl.records.tracking import ClipFrames
from trawl.records.video import Reason, VideoFile
from trawl.runtime.crew import Crew
from trawl.runtime.pool import Pool
from trawl.runtime.room import Share, Waiting, room_for
from trawl.runtime.session import ray_session
from trawl.storage import Storage

_MANIFEST = "videos.parquet"
_URI_COLUMN, _ID_COLUMN = "perturbed_uri", "perturbed_id"


@dataclass(frozen=True, slots=True)
class CopyJob:
    """Names one copy to make; `name` is its file under the storage root."""

    video: VideoFile
    what: Perturbation
    name: str


@dataclass(frozen=True, slots=True)
class CopyDone:
    """Reports a finished copy and its number of pictures."""

    frames: int


@dataclass(frozen=True, slots=True)
class CopyRefused:
    """Reports a video that has no copy which its ground truth holds for."""

    reason: Reason
    message: str


class CopyActor:
    """Makes one copy at a time."""

    def __init__(self, decode: DecodeConfig, storage: StorageConfig, scratch: str | None) -> None:
        from trawl.decode.sandbox import DecodeSandbox

        self._decode, self._config, self._storage = decode, storage, Storage.open(storage)
        self._scratch = Path(scratch or tempfile.gettempdir())
        self._sandbox = DecodeSandbox(decode)

    def ready(self) -> None:
        """Return once the actor can work."""
        import av  # noqa: F401
        import cv2

        cv2.setNumThreads(1)
        self._sandbox.start()

    def process(self, job: CopyJob) -> CopyDone | CopyRefused:
        """Write one copy, unless another job has written it meanwhile."""
        try:
            with tempfile.TemporaryDirectory(prefix="trawl-copy-", dir=self._scratch) as folder:
                path = Path(folder) / "copy.mp4"
                with localize(
                    job.video.uri, self._config, Path(folder), self._decode.max_bytes
                ) as source:
                    times_s = self._sandbox.probe(source).times_s
                    count = write_copy(path, self._pictures(source, job), job.what.crf)
                self._check(path, times_s, count)
                self._storage.write_if_absent(job.name, path.read_bytes())
        except VideoError as error:
            return CopyRefused(error.reason, error.message)
        return CopyDone(count)

    def _pictures(self, source: Path, job: CopyJob) -> Iterator[tuple[NDArray[np.uint8], float]]:
        seed = perturb.seed_of(job.video.video_id)
        for batch in self._sandbox.clip(source, (-np.inf, np.inf)):
            if isinstance(batch, ClipFrames):
                for frame, index, time_s in zip(
                    batch.frames, batch.frame_index, batch.time_s, strict=True
                ):
                    yield perturb.perturb(frame, job.what, seed, int(index)), float(time_s)

    def _check(self, path: Path, times_s: NDArray[np.float64], count: int) -> None:
        """Raise VideoError unless the copy's frames are the video's, one for one."""
        if count != len(times_s):
            raise VideoError(
                Reason.CORRUPT,
                f"{len(times_s) - count} of its {len(times_s)} pictures do not decode",
            )
        copied_s = self._sandbox.probe(path).times_s
        if len(copied_s) != len(times_s):
            raise VideoError(
                Reason.CORRUPT, f"a copy of its {len(times_s)} pictures has {len(copied_s)}"
            )
        off_s = float(np.abs(copied_s - times_s).max())
        if off_s > TICK_S:
            raise VideoError(Reason.CORRUPT, f"a copy's pictures come up to {off_s:.6f} s off")


def copies(
    config: DatasetConfig,
    name: str,
    video_ids: Sequence[str],
    what: Perturbation,
    storage: StorageConfig,
    decode: DecodeConfig,
    resources: ResourcesConfig,
) -> DatasetConfig:
    """Return a dataset of copies of some videos, under the same names, making missing copies.

    Args:
        config: The dataset; the copies keep its ground truth setting.
        name: Name of the dataset.
        video_ids: Videos to copy; all of them are needed.

    Raises:
        DatasetError: The dataset lacks such a video, or one cannot be copied frame by frame.
        StorageError: The storage failed.
    """
    folder = f"{name}/perturbed/{what}"
    place = Storage.open(storage)
    jobs = [
        CopyJob(video, what, f"{folder}/{_key(video)}.mp4")
        for video in _named(config, storage, video_ids)
    ]
    existing = set(place.names(folder))
    missing = [job for job in jobs if Path(job.name).name not in existing]
    if missing:
        _make(missing, storage, decode, resources)
    place.write_bytes(f"{folder}/{_MANIFEST}", _manifest(jobs, place))
    return DatasetConfig(
        kind="manifest",
        name=f"{name}-{what}",
        uri=place.uri(folder, _MANIFEST),
        uri_column=_URI_COLUMN,
        id_column=_ID_COLUMN,
        embedder=config.embedder,
        grounder=config.grounder,
        tracker=config.tracker,
        truth=config.truth,
    )


def _named(
    config: DatasetConfig, storage: StorageConfig, video_ids: Sequence[str]
) -> list[VideoFile]:
    names = set(video_ids)
    videos = [video for video in list_videos(config, storage) if video.video_id in names]
    if missing := sorted(names - {video.video_id for video in videos}):
        raise DatasetError(
            f"{config.uri} lacks {missing[0]}{_more(len(missing))}, which the ground truth knows"
        )
    return sorted(videos, key=lambda video: video.video_id)


def _key(video: VideoFile) -> str:
    content = "\n".join((video.video_id, video.fingerprint.partition("+")[0], str(perturb.VERSION)))
    return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _make(
    jobs: list[CopyJob], storage: StorageConfig, decode: DecodeConfig, resources: ResourcesConfig
) -> None:
    refused = []
    with ray_session(resources):
        fit = room_for(Share("decode", len(jobs), 1.0, 0.0), None, resources, Waiting())
        pool = Pool(CopyActor, fit, (decode, storage, resources.scratch), num_cpus=1.0)
        try:
            pool.ready()
            largest_first = sorted(jobs, key=lambda job: -job.video.size_bytes)
            for job, answer in Crew[CopyJob](pool).run(iter(largest_first), lambda: None):
                if not isinstance(answer, CopyDone):
                    answer = answer or CopyRefused(
                        Reason.WORKER_DIED, "its process died three times"
                    )
                    refused.append(f"{job.video.video_id} ({answer.reason}: {answer.message})")
        finally:
            pool.stop()
    if refused:
        raise DatasetError(
            f"a copy with the same frames cannot be made of {min(refused)}{_more(len(refused))}: "
            "leave such videos out of the ground truth, or leave evaluation.robustness out"
        )


def _more(count: int) -> str:
    return f" and {count - 1} more" if count > 1 else ""


def _manifest(jobs: list[CopyJob], place: Storage) -> bytes:
    """Return a manifest of the copies, with the metadata columns of their videos."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[Any]] = {
        _URI_COLUMN: [place.uri(job.name) for job in jobs],
        _ID_COLUMN: [job.video.video_id for job in jobs],
    }
    for name in sorted({name for job in jobs for name in job.video.metadata}):
        values = [job.video.metadata.get(name) for job in jobs]
        kinds = {type(value) for value in values if value is not None}
        columns[name] = (
            values
            if len(kinds) == 1
            else [None if value is None else str(value) for value in values]
        )
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()

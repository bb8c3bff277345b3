"""The three Ray actors of the index pipeline, each a thin shell around one step.

    DecodeActor   one unit of work at a time: fetch, decode in a sandboxed child, send small uint8
                  pictures to the embedders,
                  gather their vectors, return the rows of the whole unit. Imports no torch: it
                  starts fast and dies alone. While one unit waits for its vectors, the next is
                  decoded: `UNITS_AT_ONCE`.
    EmbedActor    holds the model; pictures in, vectors out. Knows nothing of videos. On CPUs its
                  threads share one model and
                  one queue, so that no core waits while another has batches left.
    WriterActor   turns the rows of many units into Lance fragments that no reader can see until the
                  driver commits them.

The pictures go from decoder to embedder directly, so the driver handles a few messages per video,
whatever its length. What is given up: an embedder that dies takes the units of the decoders that
were waiting for it along; they are repeated.
"""

import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from trawl.config.data import DecodeConfig, SamplingConfig, StorageConfig
from trawl.decode.spans import Span, divisible, spans
from trawl.errors import VideoError
from trawl.records.video import DecodeReport, FrameBatch, ImageSpec, Probe, Reason, VideoFile
from trawl.runtime.process import peak_mb

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.actor import ActorHandle

    from trawl.models.clip.weights import Blueprint


# in one decode actor: one is decoded, the other is fetched or waits for its vectors
UNITS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Unit:
    """One video, or one span of a long one, for one decode actor.

    number 0 is decoded first and alone: only its probe says how many spans there are, and where.
    span: [start_s, end_s), None for number 0. earlier: attempts at these bytes that failed in
    earlier runs; attempt: counts the processes that took it up in this one, from 1.
    """

    video: VideoFile
    earlier: int = 0
    number: int = 0
    span: Span | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """Holds what the ledger keeps of a probe, without its arrays."""

    container: str
    codec: str
    width: int
    height: int
    rotation_deg: int
    fps: float
    duration_s: float
    num_frames: int


@dataclass(frozen=True, slots=True)
class UnitDone:
    """Holds the rows and counts that one unit of work produced.

    Seconds are of this unit: fetching, CPU of its decoding, waiting for vectors; decoder_mb: peak
    memory of its decoding process.
    """

    facts: VideoFacts
    rest: tuple[Span, ...]  # what of a long video is left to do, when this was its number 0
    decoder: str
    frames_decoded: int
    frames_embedded: int
    frames_substituted: int
    damage: str
    fetch_s: float
    decode_cpu_s: float
    embed_wait_s: float
    decoder_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class UnitRefused:
    """A unit that gives no rows.

    An answer and no exception: a bad video is nothing unusual, and has no traceback.
    """

    reason: Reason
    message: str


class DecodeActor:
    """Decodes units in a sandbox and has their pictures embedded."""

    def __init__(
        self,
        decode: DecodeConfig,
        sampling: SamplingConfig,
        spec: ImageSpec,
        storage: StorageConfig,
        dtype: str,
        batch_size: int,
        scratch: str | None,
    ) -> None:
        """scratch: folder for videos that are fetched from object storage; None is the system's
        temporary folder.
        """
        from trawl.decode.sandbox import DecodeSandbox

        self._decode, self._sampling, self._spec, self._storage = decode, sampling, spec, storage
        self._dtype, self._batch_size, self._scratch = (
            dtype,
            batch_size,
            Path(scratch or tempfile.gettempdir()),
        )
        self._sandbox = DecodeSandbox(decode)
        self._decoding = threading.Lock()  # the sandbox does one job at a time

    def ready(self) -> None:
        """Returns when the actor can work."""
        import trawl.index.embed
        import trawl.storage  # noqa: F401
        from trawl.runtime.process import without_pandas

        self._sandbox.start()
        with without_pandas():
            pa.scalar(0)

    def process(
        self, unit: Unit, embedders: Sequence["ActorHandle[EmbedActor]"], window: int
    ) -> tuple[UnitDone, pa.Table] | tuple[UnitRefused, None]:
        """Rows of one unit, or why there are none.

        Args:
            unit: what to decode.
            embedders: the live embedding actors; the least busy one gets the next batch.
            window: batches in flight at most, which bounds this actor's memory whatever the video's
                length.

        Raises:
            RayActorError: an embedder died; nothing is known against the video.
        """
        try:
            return self._process(unit, embedders, window)
        except VideoError as error:
            return UnitRefused(error.reason, error.message), None

    def _process(
        self, unit: Unit, embedders: Sequence["ActorHandle[EmbedActor]"], window: int
    ) -> tuple[UnitDone, pa.Table]:
        from trawl.corpus.fetch import localize
        from trawl.index.embed import frames_batch

        started = time.perf_counter()
        where = (unit.video.uri, self._storage, self._scratch, self._decode.max_bytes)
        # the spans of one video share a copy
        with localize(*where, unit.video.fingerprint) as path:
            fetch_s = time.perf_counter() - started
            pending = _Window(embedders, window)
            embedded: list[tuple[FrameBatch, np.ndarray]] = []
            with self._decoding:
                span, rest = self._divide(path, unit)
                for item in self._sandbox.decode(path, self._sampling, self._spec, span=span):
                    if isinstance(item, DecodeReport):
                        report = item
                        break
                    for batch in _split(item, self._batch_size):
                        embedded += pending.push(batch)
        embedded += pending.drain()
        rows = [frames_batch(unit.video, report.probe, *pair, self._dtype) for pair in embedded]
        done = UnitDone(
            facts=_facts(report.probe),
            rest=rest,
            decoder=report.decoder,
            frames_decoded=report.frames_decoded,
            frames_embedded=report.frames_sampled,
            frames_substituted=report.frames_substituted,
            damage=report.damage,
            fetch_s=fetch_s,
            decode_cpu_s=report.cpu_s,
            embed_wait_s=pending.waited_s,
            decoder_mb=report.peak_mb,
        )
        return done, pa.Table.from_batches(rows) if rows else pa.table({})

    def _divide(self, path: Path, unit: Unit) -> tuple[Span | None, tuple[Span, ...]]:
        """(the span of this unit, the spans of the units that are to follow)."""
        if unit.number or not divisible(self._sampling):
            return unit.span, ()
        first, *rest = spans(self._sandbox.probe(path), self._decode.span_s)
        return (first if rest else None), tuple(rest)

    def spent(self) -> float:
        """This process's peak memory in MiB; its decoding children are not in it."""
        return peak_mb()

    def clear_cache(self) -> None:
        """Delete the copies of videos on this machine that nobody uses."""
        from trawl.corpus.cache import VideoCache

        VideoCache(self._scratch, 0).clear()


def _facts(probe: Probe) -> VideoFacts:
    return VideoFacts(
        container=probe.container,
        codec=probe.codec,
        width=probe.width,
        height=probe.height,
        rotation_deg=probe.rotation_deg,
        fps=probe.fps,
        duration_s=probe.duration_s,
        num_frames=len(probe.times_s),
    )


class _Window:
    """Batches under way to the embedders, answered in the order in which they were sent."""

    def __init__(self, embedders: Sequence["ActorHandle[EmbedActor]"], size: int) -> None:
        self._embedders, self._size = embedders, size
        self._pending: deque[tuple[FrameBatch, ObjectRef[np.ndarray], int]] = deque()
        self._busy = [0] * len(embedders)
        # decoders must not all start with the first
        self._turn = int(np.random.default_rng().integers(len(embedders)))
        self.waited_s = 0.0

    def push(self, batch: FrameBatch) -> Iterator[tuple[FrameBatch, np.ndarray]]:
        """Send a batch; yields the oldest answers where the window is full."""
        while len(self._pending) >= self._size:
            yield self._pop()
        count = len(self._busy)
        self._turn += 1
        index = min(range(count), key=lambda i: (self._busy[i], (i - self._turn) % count))
        self._busy[index] += 1
        light = replace(
            batch, frames=np.empty((len(batch), 0, 0, 3), np.uint8)
        )  # the pictures travel, and are not kept
        self._pending.append((light, self._embedders[index].embed.remote(batch.frames), index))

    def drain(self) -> Iterator[tuple[FrameBatch, np.ndarray]]:
        """Yields all answers that are still out."""
        while self._pending:
            yield self._pop()

    def _pop(self) -> tuple[FrameBatch, np.ndarray]:
        import ray

        batch, ref, index = self._pending.popleft()
        started = time.perf_counter()
        embeddings = ray.get(ref)
        self.waited_s += time.perf_counter() - started
        self._busy[index] -= 1
        return batch, embeddings


def _split(batch: FrameBatch, size: int) -> Iterator[FrameBatch]:
    for start in range(0, len(batch), size):
        part = slice(start, start + size)
        yield FrameBatch(
            batch.frames[part],
            batch.frame_index[part],
            batch.time_s[part],
            batch.shot[part],
            batch.substituted[part],
        )


class EmbedActor:
    """Holds one model on one device."""

    def __init__(self, blueprint: "Blueprint", device: str, batch_size: int) -> None:
        """Batches at a time are Ray's business (`max_concurrency`); each is computed by the thread
        that took it.
        """
        from trawl.models.clip.embedders import build

        self._embedder = build(blueprint, device, batch_size, threads=1)
        self._cpu_s = 0.0
        self._counting = threading.Lock()

    def ready(self) -> None:
        """Returns when the model has embedded a first picture."""
        size = self._embedder.image_spec.size
        self._embedder.embed_images(np.zeros((1, size, size, 3), np.uint8))

    def embed(self, frames: np.ndarray) -> np.ndarray:
        """(N, S, S, 3) uint8 -> (N, D) float32, unit length."""
        started = time.thread_time()
        embeddings = self._embedder.embed_images(frames)
        with self._counting:
            self._cpu_s += time.thread_time() - started
        return embeddings

    def spent(self) -> tuple[float, float]:
        """CPU seconds that embedding has taken so far, and this process's peak memory in MiB."""
        return self._cpu_s, peak_mb()


class WriterActor:
    """Writes fragments next to the driver's back, so that it can go on handing out work."""

    def ready(self) -> None:
        """Returns when the actor can write."""
        from trawl.runtime.process import import_lance

        import_lance()

    def write(
        self, uri: str, options: dict[str, str], schema: pa.Schema, *tables: pa.Table
    ) -> list[str]:
        """Rows of many units -> the metadata, as JSON, of fragments that belong to no version yet."""
        from trawl.table.frames import write_fragments

        batches: list[Any] = [batch for table in tables for batch in table.to_batches()]
        return write_fragments(uri, options, schema, batches)

"""Actors that eat memory, die of one video, or take a fixed time for each.

In a module, because Ray's workers import it.

Those that take an argument are made by a function: such a class travels to the workers as a value.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from trawl.decode.sandbox import DecodeSandbox
from trawl.decode.wire import Message
from trawl.index.actors import DecodeActor, EmbedActor, Unit, UnitDone, VideoFacts
from trawl.index.embed import frames_batch
from trawl.records.video import FrameBatch, Probe

POISON = "poison"  # in the name of a video that kills
_STEP_BYTES, _MOST_BYTES = 64 * 2**20, 2 * 2**30


def greedy(marker: Path) -> type[EmbedActor]:
    """The first to find `marker` removes it, and takes memory until it is stopped, 2 GiB at most."""

    class Greedy(EmbedActor):
        def embed(self, frames: np.ndarray) -> np.ndarray:
            if marker.exists():
                marker.unlink()
                self._eat()
            return super().embed(frames)

        def _eat(self) -> None:
            taken = []
            while len(taken) * _STEP_BYTES < _MOST_BYTES:
                taken.append(np.ones(_STEP_BYTES, np.uint8))
                time.sleep(0.05)
            time.sleep(20.0)

    return Greedy


def deadly(job: Any) -> Iterator[Message]:
    """What a decoding process does with a job: it dies of the poison video."""
    from trawl.decode.job import run

    if POISON in Path(job.path).name:
        os.abort()
    yield from run(job)


class DeadlyDecoder(DecodeActor):
    """Whose decoding process dies of the poison video."""

    def __init__(self, decode: Any, *args: Any) -> None:
        super().__init__(decode, *args)
        self._sandbox = DecodeSandbox(decode, handler="tests.chaos.actors:deadly")


def paced(cost_s: float, rows: int = 30) -> type[DecodeActor]:
    """Each video costs `cost_s` seconds of its actor and nothing of the machine, and gives so many
    rows; the poison one kills.
    """

    class Paced(DecodeActor):
        def process(
            self, unit: Unit, embedders: Sequence[Any], window: int
        ) -> tuple[UnitDone, pa.Table]:
            if POISON in Path(unit.video.uri).name:
                os.kill(os.getpid(), signal.SIGKILL)
            with self._decoding:
                time.sleep(cost_s)
            return _made_up(unit, rows, self._dtype)

    return Paced


def _made_up(unit: Unit, rows: int, dtype: str) -> tuple[UnitDone, pa.Table]:
    from trawl.models.fakes.embedder import DIM

    numbers = np.arange(rows, dtype=np.int64)
    none = np.zeros(rows, bool)
    batch = FrameBatch(
        np.empty((rows, 0, 0, 3), np.uint8), numbers, numbers * 0.2, np.zeros(rows, np.int32), none
    )
    probe = Probe("mov", "h264", 64, 64, 0, 10.0, rows * 0.2, numbers * 0.2, none)
    vectors = np.random.default_rng(hash(unit.video.video_id) % 2**32).normal(size=(rows, DIM))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    table = pa.Table.from_batches([frames_batch(unit.video, probe, batch, vectors, dtype)])
    facts = VideoFacts("mov", "h264", 64, 64, 0, 10.0, rows * 0.2, rows)
    done = UnitDone(
        facts, (), "pyav", rows, rows, 0, "", fetch_s=0.0, decode_cpu_s=0.0, embed_wait_s=0.0
    )
    return done, table

"""Actors that misbehave. In a module of their own, because Ray's workers import them by name."""

from pathlib import Path
from typing import Any

import numpy as np
import ray

from trawl.errors import StorageError
from trawl.index.actors import DecodeActor, EmbedActor, Unit, UnitRefused, WriterActor
from trawl.records.video import Reason
from trawl.track.actor import TrackActor
from trawl.track.task import TrackTask


class DyingDecodeActor(DecodeActor):
    """Dies while it has a video beside which a .kill file says how many more deaths it costs."""

    def process(self, unit: Unit, *args: Any) -> Any:
        marker = Path(unit.video.uri).with_suffix(".kill")
        if marker.exists():
            left = int(marker.read_text()) - 1
            marker.write_text(str(left)) if left else marker.unlink()
            ray.actor.exit_actor()
        return super().process(unit, *args)


class BuggyDecodeActor(DecodeActor):
    """Has a bug of ours."""

    def process(self, unit: Unit, *args: Any) -> Any:
        raise ZeroDivisionError("ours")


class RefusingDecodeActor(DecodeActor):
    """Cannot use any video."""

    def process(self, unit: Unit, *args: Any) -> Any:
        return UnitRefused(Reason.UNREADABLE, "the bucket said no"), None


def dying_embed_actor(marker: Path) -> type[EmbedActor]:
    """An embedder the first of which to find `marker` removes it and dies."""

    class DyingEmbedActor(EmbedActor):
        def embed(self, frames: np.ndarray) -> np.ndarray:
            if marker.exists():
                marker.unlink()
                ray.actor.exit_actor()
            return super().embed(frames)

    return DyingEmbedActor


def dying_writer_actor(marker: Path) -> type[WriterActor]:
    """A writer the first of which to find `marker` removes it and dies."""

    class DyingWriterActor(WriterActor):
        def write(self, *args: Any) -> list[str]:
            if marker.exists():
                marker.unlink()
                ray.actor.exit_actor()
            return super().write(*args)

    return DyingWriterActor


def unready_decode_actor(marker: Path) -> type[DecodeActor]:
    """A decoder the first of which to find `marker` removes it and dies before it has begun."""

    class UnreadyDecodeActor(DecodeActor):
        def ready(self) -> None:
            if marker.exists():
                marker.unlink()
                ray.actor.exit_actor()
            super().ready()

    return UnreadyDecodeActor


class StarvedDecodeActor(DecodeActor):
    """Finds an embedder gone in the way Ray says it of one that its memory monitor has killed,
    while a .kill file is there.
    """

    def process(self, unit: Unit, *args: Any) -> Any:
        marker = Path(unit.video.uri).with_suffix(".kill")
        if marker.exists():
            marker.unlink()
            raise ray.exceptions.OutOfMemoryError("killed due to the node running low on memory")
        return super().process(unit, *args)


class FullDiskWriterActor(WriterActor):
    """Has nowhere to write."""

    def write(self, uri: str, *args: Any) -> list[str]:
        raise StorageError(f"{uri} cannot be written: no space is left there")


class DyingTrackActor(TrackActor):
    """Dies of one video, always."""

    def process(self, task: TrackTask) -> Any:
        if task.clip.video_id == "red.mp4":
            ray.actor.exit_actor()
        return super().process(task)

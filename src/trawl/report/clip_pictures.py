"""The pictures of one clip of a tracking run: overlay video, its poster, and the plot of the ways.

The clip is decoded once, where it can do no harm, and drawn and encoded a frame at a time. A video
that is gone, has changed since it was tracked or does not decode costs its video and nothing else:
the ways are drawn on plain ground, and a note says why.
"""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

from trawl.config.jobs import ReportJobConfig
from trawl.config.steps import PageConfig
from trawl.corpus.fetch import localize
from trawl.corpus.files import stat_file
from trawl.corpus.source import reopen
from trawl.decode.sandbox import DecodeSandbox
from trawl.draw import marks
from trawl.draw.marks import Marks
from trawl.draw.overlay import Overlay, Picture, enlarged, to_jpeg
from trawl.draw.times import clock
from trawl.draw.tracks import ClipFacts
from trawl.draw.trajectories import empty_ground, plot
from trawl.draw.video import write_video
from trawl.errors import DatasetError, StorageError, VideoError
from trawl.records.tracking import ClipFrames
from trawl.report.page import Card, Media
from trawl.report.timeline import flag_spans, join_s
from trawl.storage import Storage
from trawl.storage.veil import scrub
from trawl.track import tables as write

_SANDBOXES = 2
_JPEG_QUALITY = 85
MEDIA = "media"  # the folder beside the page


@dataclass(frozen=True, slots=True)
class Run:
    """Names the run whose clips are drawn, and where the pictures go: `folder` is a name under the
    storage root.
    """

    storage: Storage
    dataset: str
    run_id: str
    folder: str


class ClipDesk:
    """Draws clips, two at a time. Use it as a context manager."""

    def __init__(self, run: Run, config: ReportJobConfig) -> None:
        self._run = run
        self._config = config
        self._idle: SimpleQueue[DecodeSandbox] = SimpleQueue()
        self._sandboxes = [DecodeSandbox(config.decode) for _ in range(_SANDBOXES)]
        for sandbox in self._sandboxes:
            self._idle.put(sandbox)

    def __enter__(self) -> "ClipDesk":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        for sandbox in self._sandboxes:
            sandbox.close()

    def draw(self, clips: list[ClipFacts]) -> Iterator[Card]:
        """Write each clip's pictures; the cards come in the clips' order, each when it is done.

        Raises:
            StorageError: the run cannot be read or the pictures cannot be written.
        """
        with (
            tempfile.TemporaryDirectory(prefix="trawl-report-") as scratch,
            ThreadPoolExecutor(_SANDBOXES) as pool,
        ):
            yield from pool.map(lambda clip: self._card(clip, Path(scratch)), clips)

    def _card(self, clip: ClipFacts, scratch: Path) -> Card:
        masks, tracks = write.read_run(
            self._run.storage, self._run.dataset, self._run.run_id, [clip.clip_id]
        )
        rows = Marks(clip, masks.to_table(columns=list(marks.COLUMNS)))
        ways = tracks.to_table(columns=["track_id", "trajectory"])
        trajectories = dict(zip(ways["track_id"].to_pylist(), ways["trajectory"], strict=True))
        sandbox = self._idle.get()
        try:
            reel = _Reel(rows, self._config.report)
            video = scratch / f"{clip.clip_id}.mp4"
            note = self._film(clip, reel, sandbox, video, scratch)
        finally:
            self._idle.put(sandbox)
        side = self._config.report.side
        ground = reel.ground if reel.ground is not None else empty_ground(clip.size, side)
        paths = [marks.path(track.number, trajectories[track.track_id]) for track in clip.tracks]
        files = {f"{clip.clip_id}-ways.jpg": to_jpeg(plot(ground, clip.size, paths), _JPEG_QUALITY)}
        if reel.poster is not None:
            files |= {
                f"{clip.clip_id}.jpg": to_jpeg(reel.poster, _JPEG_QUALITY),
                f"{clip.clip_id}.mp4": video.read_bytes(),
            }
            video.unlink()
        for name, data in files.items():
            self._run.storage.write_bytes(f"{self._run.folder}/{MEDIA}/{name}", data)
        spans = {
            number: flag_spans(doubted, join_s(clip)) for number, doubted in rows.flags().items()
        }
        there = reel.poster is not None
        media = Media(
            video=f"{MEDIA}/{clip.clip_id}.mp4" if there else None,
            poster=f"{MEDIA}/{clip.clip_id}.jpg" if there else None,
            plot=f"{MEDIA}/{clip.clip_id}-ways.jpg",
            size=(ground.shape[1], ground.shape[0]),
            offset_s=reel.first_s,
            note=note,
        )
        return Card(clip, media, spans)

    def _film(
        self, clip: ClipFacts, reel: "_Reel", sandbox: DecodeSandbox, target: Path, scratch: Path
    ) -> str:
        """Decode, draw and encode the clip into `target`. Returns what went wrong, or nothing."""
        storage, limits = self._config.storage, self._config.decode
        try:
            uri = reopen(self._config.dataset, storage, {clip.video_id: clip.uri})[clip.video_id]
            if stat_file(uri, "", storage).fingerprint != clip.fingerprint.partition("+")[0]:
                return "No video: the file is gone or has changed since it was tracked."
            with localize(uri, storage, scratch, limits.max_bytes, clip.fingerprint) as path:
                span = (clip.start_s, clip.end_s)
                batches = sandbox.clip(path, span, max_side=self._config.report.side)
                write_video(
                    target, reel.frames(batch for batch in batches if isinstance(batch, ClipFrames))
                )
        except VideoError as error:
            return f"No video: {error.message}."
        except (StorageError, DatasetError) as error:
            return f"No video: {scrub(str(error))}."
        if reel.broken is None:
            return ""
        begun = (
            "No video" if reel.poster is None else f"The video breaks off at {clock(reel.last_s)}"
        )
        return f"{begun}: {reel.broken.message}."


class _Reel:
    """Frames of a clip on their way from the decoder to the encoder, drawn on, and the two that are
    kept.

    ground: the frame that shows most, as it is; poster: the same, drawn on; the first frame until
    that one has come, None before any. broken: what ended the frames early.
    """

    def __init__(self, rows: Marks, config: PageConfig) -> None:
        self._rows = rows
        self._side = config.side
        self._wanted = rows.fullest()
        self._overlay = Overlay(config.tail_s)
        self.ground: Picture | None = None
        self.poster: Picture | None = None
        self.first_s = self.last_s = 0.0
        self.broken: VideoError | None = None

    def frames(self, batches: Iterator[ClipFrames]) -> Iterator[tuple[Picture, float]]:
        try:
            for batch in batches:
                for frame, index, time_s in zip(
                    batch.frames, batch.frame_index, batch.time_s, strict=True
                ):
                    yield self._drawn(frame, int(index), float(time_s)), float(time_s)
        except VideoError as error:
            self.broken = error

    def _drawn(self, frame: Picture, index: int, time_s: float) -> Picture:
        frame = enlarged(frame, max(frame.shape[:2]), self._side)
        drawn = self._overlay.draw(frame, time_s, self._rows.at(index))
        if self.ground is None:
            self.first_s = time_s
        if self.ground is None or index == self._wanted:
            self.ground, self.poster = frame, drawn
        self.last_s = time_s
        return drawn

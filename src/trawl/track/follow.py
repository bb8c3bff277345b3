"""Pictures and phrases in, tracks out: a clip of any length, chunk by chunk.

    1. chunks.py     cut the stream into overlapping chunks
    2. discover.py   in each: follow what is live, ground, follow what is new, both ways
    3. stitch.py     tell which of the new are known, over borders and gaps
    4. forgotten()   forget what has been lost for long
    5. refine.py     clean the masks, when all are there
    6. motion.py     fill gaps, measure motion, raise flags

Memory holds one chunk's pictures and the rows so far, about half a kilobyte for an object on a
frame. An object is followed once, whatever number of phrases name it; each phrase that does gets a
track of it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trawl.config.steps import TrackingConfig
from trawl.errors import DeviceMemoryError, VideoError
from trawl.models.protocols import Grounder, Tracker
from trawl.records.arrays import Times
from trawl.records.tracking import ClipFrames, Flag, Target, Track
from trawl.records.video import Reason
from trawl.track import chunks, motion, refine, stitch
from trawl.track.discover import Discovery, Models, Outcome, Search
from trawl.track.looking import EmbedCrops
from trawl.track.masklet import Masklet


@dataclass(frozen=True, slots=True)
class Followed:
    """Holds what following a clip gave.

    tracks: numbered from 0 in order of first sight. best: by phrase, the score of the best
    detection, followed or not; a phrase that was never detected is not there. frames: pictures that
    were read; looked_at: those of them that were searched. invisible: things that were detected and
    of which the tracker then showed no mask.
    """

    tracks: list[Track]
    best: dict[str, float]
    frames: int
    looked_at: int
    invisible: int


def follow(
    batches: Iterable[ClipFrames],
    targets: Sequence[Target],
    grounder: Grounder,
    tracker: Tracker,
    embed_crops: EmbedCrops | None,
    config: TrackingConfig,
) -> Followed:
    """Find and follow through a clip what the targets name.

    Args:
        batches: the clip's consecutive pictures at display size, cut anyhow.
        targets: at least one; those of one phrase give more frames to look at first.
        grounder: says where on a picture a phrase's things are.
        tracker: follows them.
        embed_crops: N pictures of any size (h, w, 3) -> (N, D) float32 unit length; None: objects
            are recognised by place alone. config: every threshold.

    Raises:
        VideoError: OUT_OF_MEMORY, when the models' memory does not suffice for the shortest chunk
            and one object.
    """
    phrases = tuple(dict.fromkeys(target.phrase for target in targets))
    following = _Following(tuple(targets), phrases, Models(grounder, tracker, embed_crops), config)
    stream = chunks.overlapping(batches, config)
    while (chunk := next(stream, None)) is not None:
        following.add(chunk)
        del chunk  # or it lives on while the next one is read
    return following.finish()


@dataclass(slots=True)
class _Following:
    """The state between chunks: masklets that may go on, those that will not, and how much fits
    into the device.
    """

    targets: tuple[Target, ...]
    phrases: tuple[str, ...]
    models: Models
    config: TrackingConfig
    open: dict[int, Masklet] = field(default_factory=dict)
    closed: dict[int, Masklet] = field(default_factory=dict)
    times: dict[int, float] = field(default_factory=dict)  # of every frame, by frame_index
    size: tuple[int, int] = (0, 0)
    best: dict[int, float] = field(default_factory=dict)
    looked_at: int = 0
    invisible: int = 0
    most_frames: int | None = None  # that fit into the device, as far as has been found out
    most_objects: int | None = None
    _count: int = 0

    def add(self, chunk: ClipFrames) -> None:
        """Follow through one chunk, in parts where it does not fit into the device's memory."""
        self.size = (int(chunk.frames.shape[1]), int(chunk.frames.shape[2]))
        waiting = [chunk]
        del chunk
        while waiting:
            part = waiting.pop(0)
            smaller = chunks.halves(part, self.config.overlap)
            if len(smaller) > 1 and self.most_frames is not None and len(part) > self.most_frames:
                waiting[:0] = smaller
                continue
            known = sum(int(index) in self.times for index in part.frame_index)
            discovery = self._discovery(part, known)
            try:
                outcome = discovery.run()
            except DeviceMemoryError as error:
                self._take_less(len(part), len(smaller[0]), discovery.most, error)
                waiting.insert(0, part)
            else:
                self._keep(part, known, outcome)

    def _discovery(self, part: ClipFrames, known: int) -> Discovery:
        overlap = {int(index) for index in part.frame_index[:known]}
        live = {key: one for key, one in self.open.items() if not overlap.isdisjoint(one.rows)}
        start_s = float(part.time_s[0]) if not self.times else self.times[min(self.times)]
        search = Search(start_s, self.targets, self.phrases)
        return Discovery(part, known, live, search, self.models, self.config, self.most_objects)

    def _take_less(self, frames: int, fewer: int, objects: int, error: DeviceMemoryError) -> None:
        """After a chunk of `frames` did not fit: `fewer` of them, or half as many objects at once,
        or give up.
        """
        if fewer < frames:
            self.most_frames = fewer
        elif objects > 1:
            self.most_objects = objects // 2
        else:
            height, width = self.size
            message = (
                f"{frames} frames of {width}x{height} and one object at a time do not fit: {error}"
            )
            raise VideoError(Reason.OUT_OF_MEMORY, message) from error

    def _keep(self, part: ClipFrames, known: int, outcome: Outcome) -> None:
        """Add what a chunk brought to what is known, and forget what has been gone for too long."""
        self.looked_at += outcome.looked_at
        self.invisible += outcome.invisible
        for phrase, score in outcome.best.items():
            self.best[phrase] = max(score, self.best.get(phrase, score))
        new: dict[int, Masklet] = {}
        for piece in outcome.pieces:
            one = piece.found
            if piece.owner is None:
                new[self._count] = one
                self._count += 1
            else:
                one = self.open[piece.owner]
                one.absorb(piece.found)
            if piece.slipped:
                one.drop(piece.slipped)
                one.doubt(one.last.frame_index, Flag.IDENTITY_SWITCH)
        self.open |= new
        into: dict[int, int] = {}
        for earlier, later in stitch.link(self.open, set(new), self.size, self.config):
            # pairs come in order of time, so a chain ends at its first
            into[later] = into.get(earlier, earlier)
            self.open[into[later]].absorb(self.open.pop(later))
        self.times |= zip(part.frame_index[known:].tolist(), part.time_s[known:].tolist())
        overlap = set(part.frame_index[-self.config.overlap :].tolist())
        live = {key for key, one in self.open.items() if not overlap.isdisjoint(one.rows)}
        for key in forgotten(
            self.open, live, float(part.time_s[-self.config.overlap :][0]), self.config
        ):
            self.closed[key] = self.open.pop(key)

    def finish(self) -> Followed:
        """All tracks, refined and measured."""
        every = sorted(
            (self.closed | self.open).items(), key=lambda item: (item[1].first.frame_index, item[0])
        )
        masklets = [one for _, one in every]
        refine.refine(masklets, self.size, self.config)
        index = np.array(sorted(self.times), np.int64)
        times = np.array([self.times[int(n)] for n in index], np.float64)
        tracks = list(self._tracks(masklets, index, times))
        best = {self.phrases[phrase]: score for phrase, score in self.best.items()}
        return Followed(tracks, best, len(times), self.looked_at, self.invisible)

    def _tracks(
        self, masklets: Sequence[Masklet], index: np.ndarray, times: Times
    ) -> Iterator[Track]:
        number = 0
        for one in masklets:
            if not self._believed(one):
                continue
            moved = motion.measure(one, index, times, self.size, self.config)
            one.rows.clear()  # or they are held twice
            for phrase in self._believed(one):
                yield Track(
                    number=number,
                    phrase=self.phrases[phrase],
                    grounding_score=one.named[phrase],
                    grounding_mean=one.mean_score(phrase),
                    height=self.size[0],
                    width=self.size[1],
                    rows=moved.rows,
                    appearance=one.appearance(),
                    mean_speed=moved.mean_speed,
                    max_speed=moved.max_speed,
                    direction_deg=moved.direction_deg,
                    gaps=moved.gaps,
                    flags=moved.flags,
                )
                number += 1

    def _believed(self, one: Masklet) -> list[int]:
        """The phrases that it is a track of, in the order of their numbers: those that it is seen
        as often enough.
        """
        least = self.config.min_support
        return [p for p, best in sorted(one.named.items()) if one.mean_score(p) >= least * best]


def forgotten(
    masklets: Mapping[int, Masklet], live: Collection[int], now_s: float, config: TrackingConfig
) -> list[int]:
    """Those that will not be recognised any more: lost for over `config.max_age_s`, or the longest
    lost of over `max_lost`.

    Args:
        masklets: all that may still be recognised.
        live: those of them that are followed on; never forgotten.
        now_s: the earliest time at which another could be found.
    """
    lost = sorted(
        (key for key in masklets if key not in live), key=lambda key: masklets[key].last.time_s
    )
    excess = max(len(lost) - config.max_lost, 0)
    return [
        key
        for n, key in enumerate(lost)
        if n < excess or now_s - masklets[key].last.time_s > config.max_age_s
    ]

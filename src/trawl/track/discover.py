"""One chunk: what was followed is followed on, what is named and not followed yet is found and
followed both ways.

Everything here is made anew from the chunk and what was live before it and changes neither, so that
a chunk that did not fit into the device's memory can be tried again in parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from trawl import masks
from trawl.config.steps import TrackingConfig
from trawl.models.protocols import Grounder, Session, Tracker
from trawl.records.tracking import ClipFrames, MaskRow, Prompt, Target
from trawl.track import duplicates, sightings
from trawl.track.looking import EmbedCrops, grounding_positions, take_looks
from trawl.track.masklet import Masklet, row_of
from trawl.track.sightings import Sighting


@dataclass(frozen=True, slots=True)
class Models:
    """Holds the models that ground, that follow, and that compare appearance (None to compare only
    places).
    """

    grounder: Grounder
    tracker: Tracker
    embed_crops: EmbedCrops | None


@dataclass(frozen=True, slots=True)
class Search:
    """Describes what to look for in a clip that begins at `start_s`.

    phrases: distinct, in the order of their numbers.
    """

    start_s: float
    targets: tuple[Target, ...]
    phrases: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Piece:
    """Holds what one chunk adds to an object: the known one numbered `owner`, or a new one (None).

    found: its rows in this chunk, those of the overlap included, without those where it `slipped`
    (frame_index) to another's pixels.
    """

    owner: int | None
    found: Masklet
    slipped: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Outcome:
    """Holds what one chunk brought.

    best: the best detection's score by phrase; invisible: things detected of which the tracker
    showed no mask at all; looked_at: frames that were searched.
    """

    pieces: list[Piece] = field(default_factory=list)
    best: dict[int, float] = field(default_factory=dict)
    invisible: int = 0
    looked_at: int = 0


class Discovery:
    """Follows one chunk.

    Args:
        chunk: its pictures; the first `known` of them were in the chunk before too.
        live: masklets with rows on those.
        at_once: objects in one call of the tracker, None for all.

    Raises (from `run`):
        DeviceMemoryError: a model ran out of memory; `most` then says how many objects one call
            had.
    """

    def __init__(
        self,
        chunk: ClipFrames,
        known: int,
        live: Mapping[int, Masklet],
        search: Search,
        models: Models,
        config: TrackingConfig,
        at_once: int | None,
    ) -> None:
        self._chunk, self._known, self._live = chunk, known, live
        self._search, self._models, self._config = search, models, config
        self._size = (int(chunk.frames.shape[1]), int(chunk.frames.shape[2]))
        self._at_once = at_once
        self._outcome = Outcome()
        self.most = 0

    def run(self) -> Outcome:
        """Follow, search, follow what is new, settle who is who."""
        session = self._models.tracker.open(self._chunk.frames)
        self._propagation = Propagation(session, self._chunk, self._at_once)
        try:
            self._go_on()
            positions = grounding_positions(
                self._chunk,
                self._known,
                self._search.start_s,
                self._search.targets,
                bool(self._live),
                self._config,
            )
            found = self._models.grounder.detect(
                session, self._chunk.frames, positions, self._search.phrases
            )
            seen = {
                position: sightings.of_frame(detections, *self._size, self._config)
                for position, detections in zip(positions, found, strict=True)
            }
            self._find_new(dict(seen))
            self._settle()
            self._name(seen)
            self._look()
        finally:
            self.most = self._propagation.most
        self._outcome.looked_at = len(positions)
        return self._outcome

    def _go_on(self) -> None:
        """Live objects are prompted with their mask on the overlap's frame that shows them best."""
        place = {int(index): n for n, index in enumerate(self._chunk.frame_index[: self._known])}
        prompts = []
        for key, masklet in self._live.items():
            before = {index: masklet.rows[index] for index in place if index in masklet.rows}
            self._outcome.pieces.append(Piece(key, Masklet(before)))
            best = max(before.values(), key=lambda row: (row.score, row.frame_index))
            assert best.rle is not None
            prompts.append(
                Prompt(key, place[best.frame_index], mask=masks.decode(best.rle, *self._size))
            )
        followed = self._propagation.forward(prompts) if prompts else {}
        for piece in self._outcome.pieces:
            assert piece.owner is not None
            # The chunk before saw the overlap with more memory of the object, so its masks stay.
            piece.found.rows |= {
                n: row for n, row in followed[piece.owner].items() if n not in place
            }

    def _find_new(self, waiting: dict[int, list[Sighting]]) -> None:
        """Start what no live object accounts for, the surest frame first, and see after each what
        that accounts for.
        """
        while True:
            new = {position: self._unknown(position, seen) for position, seen in waiting.items()}
            waiting = {position: seen for position, seen in waiting.items() if new[position]}
            if not waiting:
                return
            surest = max(waiting, key=lambda position: (new[position][0].score, -position))
            self._start(surest, new[surest])
            del waiting[surest]

    def _unknown(self, position: int, seen: Sequence[Sighting]) -> list[Sighting]:
        """Those sightings, best first, that are good enough and none of the objects followed on
        this frame, nor part of one.
        """
        rows = [row for _, row in self._on(position)]
        matched = sightings.match(seen, rows, *self._size, self._config)
        return [
            one
            for n, one in enumerate(seen)
            if n not in matched
            and one.score >= self._config.new_score
            and not sightings.is_part(one, rows, *self._size, self._config)
        ]

    def _on(self, position: int) -> list[tuple[Piece, MaskRow]]:
        """Return what is followed on a frame."""
        index = int(self._chunk.frame_index[position])
        return [
            (piece, piece.found.rows[index])
            for piece in self._outcome.pieces
            if index in piece.found.rows
        ]

    def _start(self, position: int, new: Sequence[Sighting]) -> None:
        prompts = [
            Prompt(n, position, mask=one.mask)
            if one.mask is not None
            else Prompt(n, position, box=one.box)
            for n, one in enumerate(new)
        ]
        for n, rows in self._propagation.both_ways(prompts).items():
            if not rows:
                self._outcome.invisible += 1
                continue
            found = Masklet(rows, named=self._good_names(new[n]))
            same = [
                p
                for p in self._outcome.pieces
                if duplicates.are_same(p.found, found, self._size, self._config)
            ]
            if same:
                duplicates.join(same[0].found, found)
            else:
                self._outcome.pieces.append(Piece(None, found))

    def _settle(self) -> None:
        """End the rows of an object that has slipped onto the pixels of another.

        One slip each in a chunk.
        """
        settled: set[int] = set()
        for a, b in combinations(list(self._outcome.pieces), 2):
            slipped = None
            if settled.isdisjoint((id(a), id(b))):
                past = (self._past(a), self._past(b))
                slipped = duplicates.slipped_rows(a.found, b.found, past, self._size, self._config)
            if slipped is not None:
                who, frames = slipped
                loser = (a, b)[who]
                loser.found.drop(frames)
                loser.slipped = frames
                settled |= {id(a), id(b)}

    def _past(self, piece: Piece) -> Mapping[int, MaskRow]:
        return {} if piece.owner is None else self._live[piece.owner].rows

    def _name(self, seen: Mapping[int, Sequence[Sighting]]) -> None:
        """Give each object the scores of what it was seen as."""
        for position, of_frame in seen.items():
            here = self._on(position)
            pairs = sightings.match(of_frame, [row for _, row in here], *self._size, self._config)
            for n, one in enumerate(of_frame):
                for phrase, score in one.named.items():
                    self._outcome.best[phrase] = max(score, self._outcome.best.get(phrase, score))
                if n in pairs:
                    here[pairs[n]][0].found.name(self._good_names(one))
            seen_as = {place: of_frame[n].named for n, place in pairs.items()}
            for place, (piece, _) in enumerate(here):
                piece.found.vote(seen_as.get(place, {}))

    def _good_names(self, one: Sighting) -> dict[int, float]:
        return {
            phrase: score for phrase, score in one.named.items() if score >= self._config.new_score
        }

    def _look(self) -> None:
        if self._models.embed_crops is not None:
            found = [piece.found for piece in self._outcome.pieces]
            take_looks(
                found,
                self._chunk,
                self._known,
                self._search.start_s,
                self._models.embed_crops,
                self._config,
            )


Rows = dict[int, MaskRow]  # by frame_index


class Propagation:
    """Follows prompted objects through a chunk, at most `at_once` of them in one call of the
    session.

    most: how many objects the largest call had.
    """

    def __init__(self, session: Session, chunk: ClipFrames, at_once: int | None) -> None:
        self._session = session
        self._chunk = chunk
        self._at_once = at_once
        self.most = 0

    def forward(self, prompts: Sequence[Prompt]) -> dict[int, Rows]:
        """Each object's rows from its prompt to the chunk's end, by object_id; no row where it is
        not seen.
        """
        return self._run(prompts, reverse=False)

    def both_ways(self, prompts: Sequence[Prompt]) -> dict[int, Rows]:
        """Each object's rows through the whole chunk, by object_id. Each object has one prompt."""
        back = self._run(prompts, reverse=True)
        ahead = self._run(prompts, reverse=False)
        return {key: back[key] | ahead[key] for key in ahead}

    def _run(self, prompts: Sequence[Prompt], reverse: bool) -> dict[int, Rows]:
        rows: dict[int, Rows] = {prompt.object_id: {} for prompt in prompts}
        step = self._at_once or max(len(prompts), 1)
        for start in range(0, len(prompts), step):
            part = prompts[start : start + step]
            self.most = max(self.most, len(part))
            for frame in self._session.propagate(part, reverse=reverse):
                index, time_s = (
                    int(self._chunk.frame_index[frame.position]),
                    float(self._chunk.time_s[frame.position]),
                )
                for key, mask, score in zip(
                    frame.object_ids, frame.masks, frame.scores, strict=True
                ):
                    if row := row_of(mask, index, time_s, float(score)):
                        rows[int(key)][index] = row
        return rows

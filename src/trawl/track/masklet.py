"""One followed thing while it is being followed: its rows so far, what named it and what it looked
like.

A masklet grows by the pieces that each chunk adds. Every mask is RLE from the moment a tracker
hands it out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from trawl import masks
from trawl.masks import Mask
from trawl.records.arrays import Embeddings
from trawl.records.tracking import Flag, MaskRow, Visibility


@dataclass(slots=True)
class Masklet:
    """rows by frame_index, each with a mask, in any order; named: the best detection's score by
    phrase; looks: (D,) float32 unit length CLIP embeddings of its crop, by the frame_index they
    were taken on; votes: the sum of all of its detections' scores by phrase; searched: on how many
    frames it was there to be detected.
    """

    rows: dict[int, MaskRow] = field(default_factory=dict)
    named: dict[int, float] = field(default_factory=dict)
    looks: dict[int, Embeddings] = field(default_factory=dict)
    votes: dict[int, float] = field(default_factory=dict)
    searched: int = 0

    @property
    def first(self) -> MaskRow:
        return self.rows[min(self.rows)]

    @property
    def last(self) -> MaskRow:
        return self.rows[max(self.rows)]

    def in_order(self) -> list[MaskRow]:
        return [self.rows[index] for index in sorted(self.rows)]

    def name(self, scores: Mapping[int, float]) -> None:
        """Phrases found it, with these scores; the best of each counts."""
        for phrase, score in scores.items():
            self.named[phrase] = max(score, self.named.get(phrase, score))

    def vote(self, scores: Mapping[int, float]) -> None:
        """It was there on a searched frame, and was detected as these phrases, if any."""
        self.searched += 1
        for phrase, score in scores.items():
            self.votes[phrase] = self.votes.get(phrase, 0.0) + score

    def mean_score(self, phrase: int) -> float:
        """Mean score of its detections as a phrase, 0 for the searched frames on which it was not
        detected as that.
        """
        return self.votes.get(phrase, 0.0) / self.searched if self.searched else self.named[phrase]

    def absorb(self, other: "Masklet", prefer_other: bool = False) -> None:
        """The other turns out to be the same thing.

        On frames that both have, one of them gives all rows and looks.
        """
        if prefer_other:
            self.rows |= other.rows
            self.looks |= other.looks
        else:
            self.rows = other.rows | self.rows
            self.looks = other.looks | self.looks
        self.name(other.named)
        self.searched += other.searched
        for phrase, score in other.votes.items():
            self.votes[phrase] = self.votes.get(phrase, 0.0) + score

    def drop(self, frames: Iterable[int]) -> None:
        """These rows are another's; looks taken on them too."""
        for index in frames:
            self.rows.pop(index, None)
            self.looks.pop(index, None)

    def doubt(self, frame_index: int, flag: Flag) -> None:
        """Flag one row."""
        row = self.rows[frame_index]
        if flag not in row.flags:
            self.rows[frame_index] = replace(row, flags=(*row.flags, flag))

    def appearance(self) -> Embeddings:
        """(D,) unit length: the mean of its looks; (0,) where none were taken."""
        if not self.looks:
            return np.zeros(0, np.float32)
        mean = np.mean(list(self.looks.values()), axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)


def row_of(mask: Mask, frame_index: int, time_s: float, score: float) -> MaskRow | None:
    """A tracker's mask (H, W) as a row, or None for an empty one: the object is not seen there."""
    box = masks.bounding_box(mask)
    if box[2] <= box[0]:
        return None
    left, top, right, bottom = map(float, box)
    area = int(np.count_nonzero(mask[box[1] : box[3], box[0] : box[2]]))
    return MaskRow(
        frame_index,
        time_s,
        (left, top, right, bottom),
        area,
        score,
        Visibility.VISIBLE,
        masks.encode(mask),
    )

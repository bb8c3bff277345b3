"""A tracker's session over one chunk, as rows: every mask becomes RLE the moment it is handed out.

(T, K, H, W) never exists: a frame's (K, H, W) is the most that is held.
"""

from collections.abc import Sequence

from trawl.models.protocols import Session
from trawl.records.tracking import ClipFrames, MaskRow, Prompt
from trawl.track.masklet import row_of

Rows = dict[int, MaskRow]  # by frame_index


class Propagation:
    """Follows prompted objects through a chunk, at most `at_once` of them in one call of the session.

    most: how many objects the largest call had.
    """

    def __init__(self, session: Session, chunk: ClipFrames, at_once: int | None) -> None:
        self._session = session
        self._chunk = chunk
        self._at_once = at_once
        self.most = 0

    def forward(self, prompts: Sequence[Prompt]) -> dict[int, Rows]:
        """Each object's rows from its prompt to the chunk's end, by object_id; no row where it is not seen."""
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
                index, time_s = int(self._chunk.frame_index[frame.position]), float(self._chunk.time_s[frame.position])
                for key, mask, score in zip(frame.object_ids, frame.masks, frame.scores, strict=True):
                    if row := row_of(mask, index, time_s, float(score)):
                        rows[int(key)][index] = row
        return rows

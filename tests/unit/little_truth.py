"""A ground truth in memory, for tests of what measures against one."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from trawl.evaluate.truth.indexed import StatedFacts
from trawl.records.truth import TruthObject, TruthQuery, TruthVideo

SIDE = 8


def thing(object_id: int, seen: Mapping[int, float]) -> TruthObject:
    """An object with this visibility on these frames."""
    n = len(seen)
    boxes = np.tile(np.array([0, 0, 2, 2], np.float32), (n, 1))
    return TruthObject(
        object_id,
        ("thing",),
        np.array([*seen], np.int64),
        boxes,
        (None,) * n,
        np.array([*seen.values()], np.float32),
    )


def video(
    video_id: str, times_s: Sequence[float], *things: TruthObject, step: int = 1
) -> TruthVideo:
    """Every `step`-th frame is annotated, at these times."""
    return TruthVideo(
        video_id, SIDE, SIDE, np.arange(len(times_s)) * step, np.array(times_s, np.float64), things
    )


class LittleTruth:
    """A `Truth` of a few videos."""

    whole = True

    def __init__(self, videos: Sequence[TruthVideo], queries: Sequence[TruthQuery]) -> None:
        self._videos = {one.video_id: one for one in videos}
        self._queries = sorted(queries, key=lambda query: query.text)

    def video_ids(self) -> list[str]:
        return sorted(self._videos)

    def videos(self) -> Iterator[TruthVideo]:
        return map(self.video, self.video_ids())

    def video(self, video_id: str) -> TruthVideo:
        return self._videos[video_id]

    def queries(self) -> list[TruthQuery]:
        return self._queries

    def stated(self, video_id: str) -> StatedFacts:
        frames = self._videos[video_id].frame_index
        return StatedFacts(int(frames[-1]), len(frames), None, SIDE, SIDE, masks=False)

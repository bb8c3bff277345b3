"""What a vector index loses, by score as ann-benchmarks counts."""

import numpy as np

from trawl.evaluate.retrieval.neighbours import NeighbourRecall
from trawl.evaluate.retrieval.truth import SampledFrames

N = 200
FRAMES = SampledFrames(
    ("a", "b"), np.array([0, 100, N]), np.tile(np.arange(100) * 5, 2), np.zeros(N)
)
SCORES = np.linspace(1, 0, N).astype(np.float32)
HITS = [("a" if row < 100 else "b", row % 100 * 5) for row in range(N)]


def recall(hits: list[tuple[str, int]], scores: np.ndarray = SCORES) -> list[float | None]:
    gathered = NeighbourRecall(FRAMES, has_index=True)
    gathered.add(hits, scores)
    return [metric.value for metric in gathered.measured(1).metrics]


def test_by_hand() -> None:
    assert recall(HITS[:100]) == [1.0, 1.0]
    assert recall(HITS[2:102]) == [0.8, 0.98]
    assert recall(HITS[100:]) == [0.0, 0.0]
    assert recall(HITS[:5]) == [0.5, 0.05], "fewer than were asked for"


def test_ties_are_as_good_as_each_other() -> None:
    scores = np.full(N, 0.5, np.float32)
    assert recall(HITS[50:150], scores) == recall(HITS[:100], scores) == [1.0, 1.0]


def test_without_an_index_there_is_nothing_to_lose() -> None:
    for metric in NeighbourRecall(FRAMES, has_index=False).measured(3).metrics:
        assert metric.value is None and "reads every frame" in metric.why

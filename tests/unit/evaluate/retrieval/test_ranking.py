"""Rankings judged: pinned to formulas written out here, and to ties that no order can help."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trawl.evaluate.retrieval import ranking
from trawl.evaluate.retrieval.ranking import DEPTH, RECALLS, ranked_order, score_rankings

RANKED = st.tuples(st.lists(st.booleans(), max_size=80), st.integers(0, 5)).filter(
    lambda one: any(one[0]) or one[1]
)


def by_hand(hits: list[bool], num_right: int) -> dict[str, float]:
    """The definitions, a rank at a time."""
    precisions = [sum(hits[: k + 1]) / (k + 1) for k in range(len(hits))]
    result = {f"recall_at_{k}": float(any(hits[:k])) for k in (1, 5, 10)}
    result |= {f"precision_at_{k}": sum(hits[:k]) / k for k in (5, 10)}
    result["ap"] = sum(p for p, hit in zip(precisions, hits, strict=True) if hit) / num_right
    result["rr"] = 1 / (hits.index(True) + 1) if any(hits) else 0.0
    return result


def interpolated(hits: list[bool], num_right: int, recall: float) -> float:
    """The best precision at any rank by which that much has been recalled."""
    so_far = [(sum(hits[: k + 1]), k + 1) for k in range(len(hits))]
    return max(
        (
            result / rank
            for result, rank in so_far
            if result and result / num_right >= recall - 1e-9
        ),
        default=0.0,
    )


@given(st.lists(RANKED, min_size=1, max_size=5))
def test_values_are_those_of_the_definitions(rankings: list[tuple[list[bool], int]]) -> None:
    requests = [(np.flatnonzero(hits), sum(hits) + missed) for hits, missed in rankings]
    for (hits, missed), judged in zip(rankings, score_rankings(requests), strict=True):
        num_right = sum(hits) + missed
        assert judged is not None
        assert judged.values == pytest.approx(by_hand(hits, num_right))
        assert judged.first == (hits.index(True) + 1 if any(hits) else None)
        assert judged.success.tolist() == [float(any(hits[:k])) for k in range(1, DEPTH + 1)]
        assert judged.precision == pytest.approx(
            [interpolated(hits, num_right, recall) for recall in RECALLS]
        )


def test_a_text_that_is_left_out_keeps_its_place() -> None:
    result = score_rankings([None, (np.array([0]), 1), None])
    assert [item and item.first for item in result] == [None, 1, None]
    assert score_rankings([]) == []


def test_many_rankings_are_judged_a_chunk_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    requests = [(np.sort(rng.choice(50, 3, replace=False)), 4) for _ in range(40)] + [None]
    full = [item and item.values for item in score_rankings(requests)]
    monkeypatch.setattr(ranking, "_LARGEST", 100)
    assert [item and item.values for item in score_rankings(requests)] == full


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3]), st.booleans()), min_size=1, max_size=30),
    st.randoms(),
)
def test_ties_depend_on_no_order_and_help_nobody(answers, random) -> None:
    def hits_of(pairs):
        scores, right = np.array([s for s, _ in pairs]), np.array([r for _, r in pairs])
        return right[ranked_order(scores, right)].tolist()

    shuffled = random.sample(answers, len(answers))
    assert hits_of(answers) == hits_of(shuffled)
    assert hits_of(answers) == [
        right for _, right in sorted(answers, key=lambda item: (-item[0], item[1]))
    ]


def test_scores_that_differ_by_rounding_are_equal() -> None:
    scores = np.array([0.5 + 6e-8, 0.5], np.float32)
    assert ranked_order(scores, np.array([True, False])).tolist() == [1, 0]
    assert ranked_order(
        scores + np.array([1e-4, 0], np.float32), np.array([True, False])
    ).tolist() == [
        0,
        1,
    ]

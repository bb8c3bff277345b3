"""Measures text to segment: the answer's segments against the true stretches of time.

    recall at k, tIoU t   1 if one of the first k segments overlaps some true stretch by t
                          (Charades-STA, ActivityNet Captions, and TVR's corpus-wide form)
    AP at tIoU t          segments best first, each takes the free true stretch of its video that it
                          overlaps most, if by t; a second segment on a taken stretch is wrong
                          (ActivityNet detection, QVHighlights)

Overlap is temporal intersection over union, 0 between videos. AP is trec_eval's average precision,
not interpolated, over all true stretches, so stretches that no segment found lower it. Among
segments of equal score the worse counts first.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trawl.evaluate.measured import Measured
from trawl.evaluate.retrieval.frames import recall_curve
from trawl.evaluate.retrieval.ranking import CUTOFFS, RankingScores, ranked_order, score_rankings
from trawl.evaluate.retrieval.slices import Column, column, slice_metrics
from trawl.evaluate.retrieval.truth import Right
from trawl.records.search import Segment
from trawl.records.truth import TruthQuery

THRESHOLDS = (0.3, 0.5, 0.7)
_SHOWN = 0.5  # the threshold of the curve


def measure_segments(
    queries: Sequence[TruthQuery],
    rights: Sequence[Right],
    answers: Sequence[Sequence[Segment]],
    listed: int,
) -> Measured:
    """Return metrics named `segment_...`, and recall over k at a tIoU of 0.5.

    Args:
        answers: The ranked segments of each text.
        listed: The number of segments that an answer may hold.
    """
    ranked = [
        _overlaps_in_order(right, segments) for right, segments in zip(rights, answers, strict=True)
    ]
    columns = [column for threshold in THRESHOLDS for column in _at(threshold, ranked)]
    columns.append(
        Column(
            "segment_map",
            np.mean([item.values for item in columns if "_map_" in item.name], axis=0),
        )
    )
    for k in (1, 5):
        best = [np.nan if item is None else item[:k].max(initial=0.0) for item in ranked]
        columns.append(Column(f"segment_mean_iou_at_{k}", np.array(best)))
    shown = [item for item in _reached(_SHOWN, ranked) if item]
    curves = [recall_curve(f"segment, tIoU {_SHOWN}", shown, listed)] if shown else []
    return Measured(slice_metrics(columns, queries, "true stretch"), curves)


def overlaps(segments: Sequence[Segment], right: Right) -> NDArray[np.float64]:
    """Return (S, T) temporal IoU of each segment and each true stretch.

    Stretches are ordered by video and then by time.
    """
    true = [
        (video_id, *span)
        for video_id in sorted(right.stretches)
        for span in right.stretches[video_id]
    ]
    predicted = [(segment.video_id, segment.start_s, segment.end_s) for segment in segments]
    return np.array([[_iou(a, b) for b in true] for a in predicted], np.float64).reshape(
        len(predicted), len(true)
    )


def take(ious: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Return (S,) bool: which segments, best first, take a true stretch of their own.

    >>> take(np.array([[0.6, 0.0], [0.9, 0.0], [0.4, 0.5]]), 0.5)
    array([ True, False,  True])
    """
    free, taken = ious.copy(), np.zeros(len(ious), bool)
    for place in range(len(ious)):
        best = int(np.argmax(free[place])) if ious.shape[1] else -1
        if best >= 0 and free[place, best] >= threshold:
            taken[place], free[:, best] = True, -1.0
    return taken


def _at(threshold: float, ranked: Sequence[NDArray[np.float64] | None]) -> list[Column]:
    """Return the metrics at one threshold."""
    name = f"iou_{threshold}".replace(".", "_")
    reached = [ious.values if ious else None for ious in _reached(threshold, ranked)]
    taken = [
        None if ious is None else (np.flatnonzero(take(ious, threshold)), ious.shape[1])
        for ious in ranked
    ]
    precise = [ious.values if ious else None for ious in score_rankings(taken)]
    columns = [column(f"segment_recall_at_{k}_{name}", reached, f"recall_at_{k}") for k in CUTOFFS]
    return [*columns, column(f"segment_map_{name}", precise, "ap")]


def _reached(
    threshold: float, ranked: Sequence[NDArray[np.float64] | None]
) -> list[RankingScores | None]:
    """Score rankings in which every segment that overlaps some stretch enough is right.

    Several segments may be right for the same stretch.
    """
    places = [
        None if item is None else np.flatnonzero(item.max(axis=1, initial=0.0) >= threshold)
        for item in ranked
    ]
    return score_rankings([None if item is None else (item, max(len(item), 1)) for item in places])


def _overlaps_in_order(right: Right, segments: Sequence[Segment]) -> NDArray[np.float64] | None:
    """Return (S, T), best first and among ties the worse first; None without a right answer."""
    if not right.stretches:
        return None
    ious, scores = (
        overlaps(segments, right),
        np.array([segment.rank_key for segment in segments], np.float64),
    )
    in_order: NDArray[np.float64] = ious[ranked_order(scores, ious.max(axis=1, initial=0.0))]
    return in_order


def _iou(a: tuple[str, float, float], b: tuple[str, float, float]) -> float:
    common = min(a[2], b[2]) - max(a[1], b[1])
    if a[0] != b[0] or common <= 0:
        return 0.0
    return common / (max(a[2], b[2]) - min(a[1], b[1]))

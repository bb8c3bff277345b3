"""Builds TrackEval's input from one text in one clip.

Objects that are seen too little to count are removed as MOTChallenge removes its distractors (Milan
et al., MOT16: A Benchmark for Multi-Object Tracking, 2016): on each frame all objects are paired
with the tracks at an IoU of 0.5 or more, and a detection that is paired with an ignored object is
dropped together with it. So following an ignored object is neither right nor wrong.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trawl.evaluate.overlap import Overlap

_SAME = 0.5  # IoU, MOTChallenge's


def sequence(overlap: Overlap, num_targets: int) -> dict[str, Any]:
    """Return the input of TrackEval's metrics.

    Args:
        overlap: Overlap of the text's objects, those that count first, with its tracks.
        num_targets: How many objects count.
    """
    followed = _without_ignored(overlap, num_targets)
    used = np.flatnonzero(followed.any(axis=0))
    visible, followed = overlap.visible[:, :num_targets], followed[:, used]
    iou = overlap.iou[:, :num_targets][:, :, used]
    frames = len(iou)
    gt_ids, tracker_ids = (
        [np.flatnonzero(presence[t]) for t in range(frames)] for presence in (visible, followed)
    )
    return {
        "num_timesteps": frames,
        "num_gt_ids": num_targets,
        "num_tracker_ids": len(used),
        "num_gt_dets": int(visible.sum()),
        "num_tracker_dets": int(followed.sum()),
        "gt_ids": gt_ids,
        "tracker_ids": tracker_ids,
        "similarity_scores": [iou[t][np.ix_(gt_ids[t], tracker_ids[t])] for t in range(frames)],
    }


def with_witness(data: dict[str, Any]) -> dict[str, Any]:
    """Add one more object that is followed without a fault, to count fragmentations on.

    TrackEval skips frames without any object or any track. So a gap in the only track would not be
    a fragmentation, and whether an object that is absent for a while counts as one would depend on
    the other objects.
    """
    frames = [t for t, ids in enumerate(data["gt_ids"]) if len(ids)]
    objects, tracks = data["num_gt_ids"], data["num_tracker_ids"]
    return {
        "num_timesteps": len(frames),
        "num_gt_ids": objects + 1,
        "num_tracker_ids": tracks + 1,
        "num_gt_dets": data["num_gt_dets"] + len(frames),
        "num_tracker_dets": sum(len(data["tracker_ids"][t]) + 1 for t in frames),
        "gt_ids": [np.append(data["gt_ids"][t], objects) for t in frames],
        "tracker_ids": [np.append(data["tracker_ids"][t], tracks) for t in frames],
        "similarity_scores": [_with_corner(data["similarity_scores"][t]) for t in frames],
    }


def _with_corner(iou: NDArray[np.float64]) -> NDArray[np.float64]:
    """Extend (K, N) to (K + 1, N + 1), where the last two match only each other."""
    grown = np.zeros((iou.shape[0] + 1, iou.shape[1] + 1))
    grown[:-1, :-1], grown[-1, -1] = iou, 1.0
    return grown


def _without_ignored(overlap: Overlap, num_targets: int) -> NDArray[np.bool_]:
    """Return (F, N) where the tracks are, except where paired with an ignored object."""
    followed = overlap.followed.copy()
    for t in np.flatnonzero(
        overlap.visible[:, num_targets:].any(axis=1) & followed.any(axis=1)
    ).tolist():
        allowed = np.where(overlap.iou[t] >= _SAME - np.finfo(float).eps, overlap.iou[t], 0.0)
        for k, n in zip(*linear_sum_assignment(allowed, maximize=True), strict=True):
            if k >= num_targets and allowed[k, n] > 0:
                followed[t, n] = False
    return followed

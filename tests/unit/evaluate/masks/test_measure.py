"""DAVIS' figures as TrackEval computes them, pixels as scipy and pycocotools do, and the edges of
all.
"""

import numpy as np
import pytest
from beside_truth import (
    SIZE,
    boxes_only,
    moving,
    near,
    paired,
    random_film,
    square,
    track,
    truth,
    values,
)
from pycocotools import mask as coco
from scipy.spatial import distance
from trackeval.metrics.j_and_f import JAndF

from trawl import masks
from trawl.evaluate.masks.measure import Masks, decay
from trawl.evaluate.measured import Measured

FRAMES = 24


def measured(*clips) -> Measured:
    measurement = Masks()
    for clip in clips:
        measurement.add(clip)
    return measurement.measured()


def by_trackeval(real: dict[int, np.ndarray], found: dict[int, np.ndarray]) -> dict:
    def coded(film):
        return [
            [{"size": list(SIZE), "counts": masks.encode(film[n]).encode()}] if n in film else []
            for n in range(FRAMES)
        ]

    gt, ours = coded(real), coded(found)
    data = {
        "num_timesteps": FRAMES,
        "num_gt_ids": 1,
        "num_tracker_ids": 1,
        "gt_dets": gt,
        "tracker_dets": ours,
    }
    data |= {
        "gt_ids": [[0] if item else [] for item in gt],
        "tracker_ids": [[0] if item else [] for item in ours],
    }
    return JAndF().eval_sequence(data)


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_trackeval_scipy_and_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    real = random_film(rng, FRAMES)
    predicted = near(real, rng)
    ours = values(measured(paired([truth(1, real)], [track("c1-0", predicted)], frames=FRAMES)))
    theirs = by_trackeval(real, predicted)
    for name, field in [
        ("j", "J-Mean"),
        ("f", "F-Mean"),
        ("j_and_f", "J&F"),
        ("j_recall", "J-Recall"),
        ("f_recall", "F-Recall"),
    ]:
        assert ours[name] == pytest.approx(theirs[field]), name
    assert ours["j_decay"] == pytest.approx(theirs["J-Decay"])
    assert ours["f_decay"] == pytest.approx(theirs["F-Decay"])

    nothing = np.zeros(SIZE, bool)
    stacks = [np.stack([film.get(n, nothing) for n in range(FRAMES)]) for film in (predicted, real)]
    assert ours["pixel_f1"] == pytest.approx(
        1 - distance.dice(stacks[0].ravel(), stacks[1].ravel())
    )
    flat = [
        coco.encode(np.asfortranarray(stack.reshape(-1, SIZE[1]).astype(np.uint8)))
        for stack in stacks
    ]
    assert ours["pixel_precision"] == pytest.approx(
        coco.iou([flat[0]], [flat[1]], [1])[0, 0]
    )  # a crowd's: over the first
    assert ours["pixel_recall"] == pytest.approx(coco.iou([flat[1]], [flat[0]], [1])[0, 0])
    present = [n for n in range(FRAMES) if n in real or n in predicted]
    jaccard = [
        1 - distance.jaccard(*(film.get(n, nothing).ravel() for film in (predicted, real)))
        for n in present
    ]
    assert ours["iou"] == pytest.approx(np.mean(jaccard))


def test_perfect() -> None:
    film = moving(12)
    result = measured(paired([truth(1, film)], [track("c1-0", film)], frames=20))
    figures = values(result)
    ones = [
        "j_and_f",
        "j",
        "f",
        "j_recall",
        "f_recall",
        "iou",
        "boundary_iou",
        "pixel_f1",
        "pixel_precision",
        "pixel_recall",
    ]
    assert {name: figures[name] for name in ones} == dict.fromkeys(ones, 1.0)
    assert (figures["j_decay"], figures["f_decay"], figures["dtssd"]) == (0, 0, 0)
    assert result.curves[0].y.tolist() == [1.0, 1.0, 1.0]


def test_an_object_that_nobody_followed_has_nothing() -> None:
    """Also where it is away for most of the clip, which DAVIS' mean alone would call right."""
    figures = values(result := measured(paired([truth(1, moving(3))], [], frames=20)))
    zeros = [
        "j_and_f",
        "j",
        "f",
        "j_recall",
        "f_recall",
        "iou",
        "boundary_iou",
        "pixel_f1",
        "pixel_recall",
    ]
    assert {name: figures[name] for name in zeros} == dict.fromkeys(zeros, 0.0)
    assert figures["pixel_precision"] is figures["dtssd"] is figures["j_decay"] is None
    assert all(m.why for m in result.metrics if m.value is None)


def test_a_shifted_track() -> None:
    """20 x 20 squares, 5 pixels aside: IoU 15 / 25, precision and recall 15 / 20."""
    still = {n: square(20) for n in range(8)}
    aside = {n: square(25) for n in range(8)}
    figures = values(measured(paired([truth(1, still)], [track("c1-0", aside)], frames=8)))
    assert (figures["j"], figures["iou"]) == (pytest.approx(0.6), pytest.approx(0.6))
    assert (figures["pixel_precision"], figures["pixel_recall"], figures["pixel_f1"]) == (
        0.75,
        0.75,
        0.75,
    )
    assert (figures["j_recall"], figures["dtssd"]) == (1.0, 0.0)


def test_frames_without_either_weigh_in_davis_mean_alone() -> None:
    still, aside = {n: square(20) for n in range(4)}, {n: square(25) for n in range(4)}
    figures = values(measured(paired([truth(1, still)], [track("c1-0", aside)], frames=8)))
    assert figures["j"] == pytest.approx((0.6 + 1) / 2)
    assert figures["iou"] == pytest.approx(0.6)


def test_a_wholly_hidden_object_is_not_there() -> None:
    real = {**moving(6), 6: None, 7: None}
    figures = values(
        measured(paired([truth(1, real)], [track("c1-0", {**moving(6), 6: None})], frames=8))
    )
    assert (figures["iou"], figures["j"]) == (1.0, 1.0)


@pytest.mark.parametrize("length", [4, 5, 19, 100, 255])
def test_decay_is_davis(length: int) -> None:
    values_ = np.random.default_rng(length).random(length)
    edges = np.round(np.linspace(1, length, 5) + 1e-10) - 1
    edges = edges.astype(np.uint8)  # as davis2017-evaluation and TrackEval have it
    bins = [values_[edges[n] : edges[n + 1] + 1] for n in range(4)]
    assert decay(values_) == pytest.approx(np.nanmean(bins[0]) - np.nanmean(bins[3]))


def test_decay_of_more_frames_than_eight_bits_count_and_below_four() -> None:
    assert decay(np.linspace(1, 0, 1001)) == pytest.approx(0.75, abs=1e-3)
    assert decay(np.ones(3)) is None


def test_a_truth_of_boxes_has_no_masks_to_compare() -> None:
    result = measured(paired([boxes_only(truth(1, moving(5)))], [track("c1-0", moving(5))]))
    assert {m.value for m in result.metrics} == {None}
    assert {m.why for m in result.metrics} == {"the ground truth has boxes only"}


def test_nothing_asked_for() -> None:
    result = measured(paired([], [track("c1-0", moving(5))]))
    assert {m.value for m in result.metrics} == {None}
    assert all(m.why for m in result.metrics)
    assert not result.curves


def test_slices_of_text_and_object() -> None:
    slow, quick = {n: square(20) for n in range(10)}, moving(10, step=6, side=10)
    result = measured(
        paired(
            [truth(1, slow), truth(2, quick)],
            [track("c1-0", slow), track("c1-1", near(quick, np.random.default_rng(1)))],
        )
    )
    counts = {m.slice: m.count for m in result.metrics if m.name == "j"}
    assert counts == {
        "all": 2,
        "objects=several": 2,
        "occlusion=none": 2,
        "size=small": 2,
        "speed=slow": 1,
        "speed=fast": 1,
    }
    assert values(result, "speed=slow")["j"] == 1.0
    assert values(result, "speed=fast")["j"] < 1.0


def test_j_over_time_starts_where_the_object_does() -> None:
    real = {n: square(20) for n in range(10, 20)}
    predicted = {n: square(20) for n in range(10, 15)}
    curve = measured(paired([truth(1, real)], [track("c1-0", predicted)], frames=20)).curves[0]
    assert (curve.x.tolist(), curve.y.tolist()) == ([0.25, 0.75], [1.0, 0.0])

"""AP of tracks: in clips of a single frame it is COCO's, by pycocotools; and the edges."""

import contextlib
import io

import numpy as np
import pytest
from beside_truth import SIZE, STAR, boxes_only, moving, paired, square, track, truth, values
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from trawl import masks
from trawl.evaluate.average_precision import AveragePrecision
from trawl.evaluate.clip import ClipQuery
from trawl.evaluate.measured import Measured

LEFT, RIGHT = {n: square(5) for n in range(10)}, {n: square(50) for n in range(10)}


def measured(*clips) -> Measured:
    measurement = AveragePrecision()
    for item in clips:
        for text in item.texts:
            measurement.add(text)
    return measurement.measured()


def coded(mask: np.ndarray) -> dict:
    return {"size": list(SIZE), "counts": masks.encode(mask)}


def by_pycocotools(
    pictures: list[tuple[list[np.ndarray], list[tuple[np.ndarray, float]]]],
) -> tuple[float, float]:
    """(AP, AP50) of pictures: (true masks, (mask, score) found)."""
    truths, measured_ = [], []
    for picture, (real, ours) in enumerate(pictures, start=1):
        for mask in real:
            truths.append(
                {
                    "id": len(truths) + 1,
                    "image_id": picture,
                    "category_id": 1,
                    "segmentation": coded(mask),
                    "area": int(mask.sum()),
                    "bbox": [0, 0, 1, 1],
                    "iscrowd": 0,
                }
            )
        measured_ += [
            {"image_id": picture, "category_id": 1, "segmentation": coded(m), "score": s}
            for m, s in ours
        ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [
                {"id": n, "height": SIZE[0], "width": SIZE[1]} for n in range(1, len(pictures) + 1)
            ],
            "annotations": truths,
            "categories": [{"id": 1}],
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(measured_), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[0], evaluation.stats[1]


@pytest.mark.parametrize("seed", range(3))
def test_single_frames_are_coco(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pictures, clips = [], []
    for number in range(12):
        real = [square(*rng.integers(0, 40, 2).tolist(), 20) for _ in range(rng.integers(0, 3))]
        ours = [
            (np.roll(mask, rng.integers(-3, 4, 2), (0, 1)), float(rng.random()))
            for mask in real
            if rng.random() > 0.2
        ]
        ours += [
            (square(*rng.integers(0, 40, 2).tolist(), 15), float(rng.random()))
            for _ in range(rng.integers(0, 2))
        ]
        pictures.append((real, ours))
        tracks = [track(f"c{number}-{n}", {0: mask}, score) for n, (mask, score) in enumerate(ours)]
        clips.append(
            paired(
                [truth(n, {0: m}) for n, m in enumerate(real)],
                tracks,
                frames=1,
                clip_id=f"c{number}",
            )
        )
    measured_, (ap, ap50) = values(measured(*clips)), by_pycocotools(pictures)
    assert measured_["average_precision"] == pytest.approx(ap)
    assert measured_["average_precision_50"] == pytest.approx(ap50)
    assert 0 < ap < ap50 <= 1


def test_perfect_and_the_curve() -> None:
    result = measured(paired([truth(1, LEFT)], [track("c1-0", LEFT)]))
    assert set(values(result).values()) == {1.0}
    assert result.curves[0].kind == "precision_recall"
    assert result.curves[0].y == pytest.approx(np.ones(101))


def test_a_surer_false_track_costs_and_a_less_sure_one_does_not() -> None:
    def ap(score: float) -> float | None:
        return values(
            measured(
                paired([truth(1, LEFT)], [track("c1-0", LEFT, 0.5), track("c1-1", RIGHT, score)])
            )
        )["average_precision_50"]

    assert ap(0.9) == pytest.approx(0.5)
    assert ap(0.1) == 1.0


def test_a_false_track_where_the_thing_is_absent_costs() -> None:
    measured_ = measured(
        paired([truth(1, LEFT)], [track("c1-0", LEFT, 0.5)]),
        paired([], [track("c2-0", LEFT, 0.9)], clip_id="c2"),
    )
    assert values(measured_)["average_precision_50"] == pytest.approx(0.5)


@pytest.mark.parametrize("followed", [True, False])
def test_what_does_not_count_costs_nothing(followed: bool) -> None:
    tracks = [track("c1-0", LEFT, 0.5), *([track("c1-1", RIGHT, 0.9)] if followed else [])]
    measured_ = measured(
        paired([truth(1, LEFT), truth(2, RIGHT)], tracks, queries=[ClipQuery(STAR, (1,), (2,))])
    )
    assert set(values(measured_).values()) == {1.0}


def test_boxes_where_the_truth_has_no_masks() -> None:
    film = moving(8)
    measured_ = measured(paired([boxes_only(truth(1, film))], [track("c1-0", film)]))
    assert set(values(measured_).values()) == {1.0}


def test_nothing_followed_and_nothing_asked_for() -> None:
    assert set(values(measured(paired([truth(1, LEFT)], []))).values()) == {0.0}
    nothing = measured(paired([], [track("c1-0", LEFT)]))
    assert set(values(nothing).values()) == {None}
    assert all(m.why for m in nothing.metrics)

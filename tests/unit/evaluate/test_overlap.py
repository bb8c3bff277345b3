"""Overlap frame by frame, and its mean over the frames on which there is something to overlap."""

import numpy as np
import pytest
from beside_truth import clip, moving, square, track, truth

from trawl import geometry, masks
from trawl.evaluate.overlap import of_boxes, of_masks, positions

SCENE = clip(
    [truth(1, moving(6)), truth(2, {2: square(50), 3: None, 4: square(52)})],
    [
        track("c1-0", {n: square(7 + 2 * n) for n in range(3, 9)}),
        track("c1-1", {2: None, 4: square(50)}),
    ],
)


def test_masks_and_boxes_frame_by_frame() -> None:
    result, boxes = (of(SCENE, SCENE.video.objects, SCENE.tracks) for of in (of_masks, of_boxes))
    assert result.iou.shape == (10, 2, 2)
    for frame in range(10):
        for k, item in enumerate(SCENE.video.objects):
            for n, track_ in enumerate(SCENE.tracks):
                a, b = positions(SCENE, item)[frame], positions(SCENE, track_)[frame]
                if a < 0 or b < 0:
                    assert result.iou[frame, k, n] == boxes.iou[frame, k, n] == 0
                else:
                    expected = masks.iou([item.rles[a]], [track_.rles[b]], 60, 80)[0, 0]
                    assert result.iou[frame, k, n] == pytest.approx(expected)
                    assert boxes.iou[frame, k, n] == pytest.approx(
                        geometry.iou(item.boxes[[a]], track_.boxes[[b]])[0, 0]
                    )
    assert np.flatnonzero(result.visible[:, 1]).tolist() == [2, 4]  # hidden on 3
    assert np.flatnonzero(result.followed[:, 1]).tolist() == [4]  # a guess on 2


def test_mean_over_frames_on_which_either_is_there() -> None:
    result = of_masks(SCENE, SCENE.video.objects, SCENE.tracks)
    # the first object is seen on 0-5, the first track on 3-8: 9 frames, 3 of them shared
    assert result.mean()[0, 0] == pytest.approx(result.iou[3:6, 0, 0].sum() / 9)
    assert result.mean()[0, 0] > 0


@pytest.mark.parametrize(("objects", "tracks"), [(0, 0), (0, 2), (2, 0)])
def test_nobody_there(objects: int, tracks: int) -> None:
    result = of_masks(SCENE, SCENE.video.objects[:objects], SCENE.tracks[:tracks])
    assert result.mean().shape == (objects, tracks)
    assert (result.visible.shape, result.followed.shape) == ((10, objects), (10, tracks))


def test_some_of_them() -> None:
    result = of_masks(SCENE, SCENE.video.objects, SCENE.tracks)
    part = result.of([1], [1, 0])
    assert np.array_equal(part.iou[:, 0], result.iou[:, 1, ::-1])
    assert np.array_equal(part.followed, result.followed[:, ::-1])

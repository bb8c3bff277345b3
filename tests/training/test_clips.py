"""Training clips: the same for the same number, new for another, with masks that are where the
pixels are.
"""

import itertools

import numpy as np
import pytest

from training.clips import Lesson, draw_lesson, tight_box


@pytest.fixture(scope="module")
def lessons() -> list[Lesson]:
    return [draw_lesson(5, step, 4, 4, 64) for step in range(8)]


def test_same_number_same_lesson(lessons):
    again = draw_lesson(5, 2, 4, 4, 64)
    for name in ("images", "ids", "clip", "thing", "boxes", "clicks", "click_labels"):
        assert np.array_equal(getattr(again, name), getattr(lessons[2], name)), name
    assert not np.array_equal(lessons[1].images, lessons[2].images)
    assert not np.array_equal(draw_lesson(6, 2, 4, 4, 64).images, again.images)


def test_shapes(lessons):
    for lesson in lessons:
        count = len(lesson.clip)
        assert lesson.images.shape == (4, 4, 64, 64, 3) and lesson.ids.shape == (4, 4, 64, 64)
        assert lesson.masks().shape == lesson.others().shape == (count, 4, 64, 64)
        assert lesson.boxes.shape == (count, 4) and lesson.clicks.shape == (count, 3, 2)
        assert not (lesson.masks() & lesson.others()).any()


def test_every_object_is_in_sight_on_its_first_frame(lessons):
    assert sum(len(lesson.clip) for lesson in lessons) > 40
    for lesson in lessons:
        assert (lesson.masks()[:, 0].sum(axis=(1, 2)) >= 24).all()


def test_masks_are_where_the_pixels_change(lessons):
    """Inside its mask a thing is nearly of one colour, which its surroundings are not."""
    better = []
    for lesson in lessons:
        for n, mask, others in zip(lesson.clip, lesson.masks()[:, 0], lesson.others()[:, 0]):
            image = lesson.images[n, 0].astype(float)
            ring = ~mask & ~others
            if mask.sum() >= 60 and ring.any():
                middle = np.median(image[mask], axis=0)
                inside = np.median(np.abs(image[mask] - middle).max(axis=1))
                outside = np.median(np.abs(image[ring] - middle).max(axis=1))
                better.append(inside < outside)
    assert len(better) > 30 and np.mean(better) > 0.95


def test_objects_move_and_some_go(lessons):
    masks = [m for lesson in lessons for m in lesson.masks()]
    assert np.mean([not np.array_equal(m[0], m[-1]) for m in masks]) > 0.8
    assert any(m[0].any() and not m[t].any() for m in masks for t in range(1, 4))


def _overlap_of_neighbours(lesson: Lesson) -> float:
    masks = lesson.masks()[:, 1:]  # the step from the first frame may be a long one
    pairs = [(a, b) for m in masks for a, b in itertools.pairwise(m) if a.any()]
    return float(np.mean([(a & b).sum() / (a | b).sum() for a, b in pairs]))


def test_dense_lessons_move_less_and_some_begin_long_ago(lessons):
    dense = [draw_lesson(5, step, 4, 4, 64, sparse=False) for step in range(8)]
    assert (
        np.mean([*map(_overlap_of_neighbours, dense)])
        > np.mean([*map(_overlap_of_neighbours, lessons)]) + 0.1
    )
    assert {lesson.long_ago for lesson in dense} == {True, False}
    assert all(lesson.sparse and not lesson.long_ago for lesson in lessons)


def test_clicks_are_right(lessons):
    for lesson in lessons:
        assert (lesson.click_labels[:, 0] == 1).all()
        for mask, clicks, labels in zip(lesson.masks()[:, 0], lesson.clicks, lesson.click_labels):
            for (x, y), label in zip(clicks.astype(int), labels):
                assert mask[y, x] == (label == 1)


def test_boxes_are_near_the_truth_but_not_exact(lessons):
    overlaps = []
    for lesson in lessons:
        assert (lesson.boxes[:, 2:] > lesson.boxes[:, :2]).all()
        assert lesson.boxes.min() >= 0 and lesson.boxes.max() <= 64
        for mask, box in zip(lesson.masks()[:, 0], lesson.boxes):
            true = tight_box(mask)
            low, high = np.maximum(box[:2], true[:2]), np.minimum(box[2:], true[2:])
            both = (high - low).clip(0).prod()
            overlaps.append(
                both / ((box[2:] - box[:2]).prod() + (true[2:] - true[:2]).prod() - both)
            )
    assert 0.6 < np.mean(overlaps) < 0.95 and np.min(overlaps) > 0.1


def test_tight_box():
    mask = np.zeros((10, 12), bool)
    mask[2:5, 3:11] = True
    assert tight_box(mask).tolist() == [3, 2, 11, 5]

import numpy as np
import pytest
from drawn_rows import SIZE, rectangle, row

from trawl import masks
from trawl.config.steps import TrackingConfig
from trawl.records.tracking import Detections
from trawl.track import sightings

CONFIG = TrackingConfig(same_iou=0.7, match_iou=0.5, new_inside=0.5)


def detections(*found, with_masks=True):
    """(x, y, w, h, phrase, score) each."""
    drawn = [rectangle(*one[:4]) for one in found]
    return Detections(
        boxes=np.array([masks.bounding_box(mask) for mask in drawn], np.float32).reshape(-1, 4),
        scores=np.array([one[5] for one in found], np.float32),
        phrase=np.array([one[4] for one in found], np.int64),
        masks=np.array(drawn).reshape(-1, *SIZE) if with_masks else None,
    )


@pytest.mark.parametrize("with_masks", [True, False])
def test_phrases_that_find_the_same_thing_share_a_sighting(with_masks):
    found = detections(
        (5, 5, 10, 10, 0, 0.6),
        (5, 6, 10, 10, 1, 0.8),
        (30, 5, 10, 10, 0, 0.7),
        with_masks=with_masks,
    )
    seen = sightings.of_frame(found, *SIZE, CONFIG)
    assert [one.named for one in seen] == [
        {1: pytest.approx(0.8), 0: pytest.approx(0.6)},
        {0: pytest.approx(0.7)},
    ]
    assert [one.score for one in seen] == pytest.approx([0.8, 0.7])
    assert (seen[0].mask is not None) == with_masks


def test_one_phrase_counts_its_best_score():
    found = detections((5, 5, 10, 10, 0, 0.6), (5, 5, 10, 10, 0, 0.8))
    assert [one.named for one in sightings.of_frame(found, *SIZE, CONFIG)] == [
        {0: pytest.approx(0.8)}
    ]


def test_empty_masks_and_no_detections():
    assert sightings.of_frame(detections(), *SIZE, CONFIG) == []
    assert sightings.of_frame(detections((5, 5, 0, 0, 0, 0.9)), *SIZE, CONFIG) == []
    assert sightings.match([], [row(0, 5)], *SIZE, CONFIG) == {}


@pytest.mark.parametrize("with_masks", [True, False])
def test_matching_is_one_to_one_and_the_best_overall(with_masks):
    """Greedily the first sighting would take the first row, and leave none to the second."""
    found = detections((10, 10, 10, 10, 0, 0.9), (7, 10, 10, 10, 0, 0.8), with_masks=with_masks)
    rows = [row(0, 9, 10, 10, 10), row(0, 13, 10, 10, 10)]
    config = TrackingConfig(same_iou=0.9, match_iou=0.5)
    seen = sightings.of_frame(found, *SIZE, config)
    assert sightings.match(seen, rows, *SIZE, config) == {0: 1, 1: 0}


def test_masks_decide_where_boxes_cannot():
    """Two halves of one box, cut along the diagonal."""
    upper = np.zeros(SIZE, bool)
    upper[5:25, 5:25] = np.triu(np.ones((20, 20), bool))
    lower = np.zeros(SIZE, bool)
    lower[5:25, 5:25] = ~np.triu(np.ones((20, 20), bool))
    found = Detections(
        np.array([[5, 5, 25, 25]] * 2, np.float32),
        np.ones(2, np.float32),
        np.zeros(2, np.int64),
        np.array([upper, lower]),
    )
    assert len(sightings.of_frame(found, *SIZE, CONFIG)) == 2
    only_boxes = Detections(found.boxes, found.scores, found.phrase)
    assert len(sightings.of_frame(only_boxes, *SIZE, CONFIG)) == 1


def test_a_part_is_not_a_thing():
    rows = [row(0, 10, 10, 20, 20)]
    parts = sightings.of_frame(detections((12, 12, 6, 6, 0, 0.9)), *SIZE, CONFIG)
    beside = sightings.of_frame(detections((28, 12, 6, 6, 0, 0.9)), *SIZE, CONFIG)
    assert sightings.match(parts, rows, *SIZE, CONFIG) == {}
    assert sightings.is_part(parts[0], rows, *SIZE, CONFIG)
    assert not sightings.is_part(beside[0], rows, *SIZE, CONFIG)
    assert not sightings.is_part(parts[0], [], *SIZE, CONFIG)

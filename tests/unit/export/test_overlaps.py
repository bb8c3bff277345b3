"""The higher score has the pixel, and what the others lose is counted."""

import numpy as np
from exported import read_stretches, write_masks

from trawl.export.overlaps import flatten
from trawl.storage import Storage


def instances(storage: Storage, found: np.ndarray):
    write_masks(storage, "a.mp4", "c1", found)
    (stretch,) = read_stretches(storage, {"a.mp4": ["c1"]}, by_clip=True)
    return stretch.instances


def test_the_higher_score_keeps_the_pixel(local_storage: Storage) -> None:
    found = np.zeros((3, 1, 4, 6), bool)
    found[0, 0, :, :3], found[1, 0, :, 2:5], found[2, 0, 0, 2] = True, True, True
    labels, cost = flatten(instances(local_storage, found), 4, 6)
    assert labels[0].tolist() == [1, 1, 3, 2, 2, 0] and labels[1].tolist() == [1, 1, 2, 2, 2, 0]
    assert cost == {"overlap_frames": 1, "overlap_pixels": 5, "trimmed": 2}


def test_an_object_wholly_under_another_is_counted_as_hidden(local_storage: Storage) -> None:
    found = np.ones((2, 1, 4, 6), bool)
    labels, cost = flatten(instances(local_storage, found), 4, 6)
    assert (labels == 2).all() and cost == {"overlap_frames": 1, "overlap_pixels": 24, "hidden": 1}


def test_no_objects_and_no_overlap_cost_nothing(local_storage: Storage) -> None:
    assert flatten([], 4, 6)[0].shape == (4, 6)
    found = np.zeros((2, 1, 4, 6), bool)
    found[0, 0, 0], found[1, 0, 3] = True, True
    assert not flatten(instances(local_storage, found), 4, 6)[1]

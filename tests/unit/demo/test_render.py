"""Pixels and masks say the same: an object's mask covers its colour, what is in front hides what is
behind.
"""

from dataclasses import replace

import numpy as np
import pytest

from trawl.demo import words
from trawl.demo.render import Canvas
from trawl.demo.scene import Axis, sample

STILL = Axis("sway", 0.5, 0.0, 0.0, 0.0)


def scene_of(*pairs, seed=0, **changes):
    """Still things in the middle of the picture, later ones in front."""
    scene = sample(np.random.default_rng(seed), pairs, 5.0)
    things = tuple(
        replace(thing, x=STILL, y=STILL, diameter=0.4, pattern="plain", **changes)
        for thing in scene.things
    )
    return replace(scene, things=things, noise=0.0)


@pytest.mark.parametrize("color", words.COLORS)
def test_a_mask_covers_pixels_of_its_color(color):
    picture = Canvas(scene_of((color, "square")), 120, 160).at(0.0)
    inside = picture.image[picture.ids == 0].astype(float)
    distance = {
        name: np.linalg.norm(inside.mean(axis=0) - rgb) for name, rgb in words.COLORS.items()
    }
    assert min(distance, key=distance.get) == color
    assert inside.std(axis=0).max() < 30


def test_front_hides_back_and_masks_are_disjoint_by_construction():
    scene = scene_of(("red", "square"), ("blue", "circle"))
    alone = Canvas(replace(scene, things=scene.things[:1]), 120, 160).at(0.0)
    both = Canvas(scene, 120, 160).at(0.0)
    hidden = (alone.ids == 0) & (both.ids != 0)
    assert hidden.any()
    assert (both.ids[hidden] == 1).all()
    assert both.whole[0] == pytest.approx(alone.whole[0])
    assert both.inside == (True, True)


def test_wholly_hidden_thing_is_inside_without_pixels():
    scene = scene_of(("red", "circle"), ("blue", "circle"))
    front = replace(scene.things[1], diameter=0.6, squash=1.0)
    picture = Canvas(replace(scene, things=(scene.things[0], front)), 120, 160).at(0.0)
    assert not (picture.ids == 0).any()
    assert picture.inside == (True, True)


@pytest.mark.parametrize(
    ("changes", "inside"),
    [({}, True), ({"x": Axis("sway", 3.0, 0.0, 0.0, 0.0)}, False), ({"enter_s": 4.0}, False)],
    ids=["in-the-middle", "beyond-the-edge", "not-yet-there"],
)
def test_inside(changes, inside):
    scene = scene_of(("red", "star"))
    scene = replace(scene, things=(replace(scene.things[0], **changes),))
    picture = Canvas(scene, 120, 160).at(0.0)
    assert picture.inside == (inside,)
    assert (picture.ids == 0).any() == inside


def test_whole_area_is_what_an_unhidden_thing_covers():
    for shape in words.SHAPES:
        picture = Canvas(scene_of(("lime", shape)), 240, 320).at(0.0)
        assert (picture.ids == 0).sum() == pytest.approx(picture.whole[0], rel=0.06), shape


def test_masks_agree_between_sizes():
    scene = sample(np.random.default_rng(5), words.SEEN[:4], 5.0)
    small, large = Canvas(scene, 100, 140).at(1.3), Canvas(scene, 300, 420).at(1.3)
    assert (small.ids == large.ids[1::3, 1::3]).mean() > 0.985


def test_same_instant_same_pixels_and_movement_between_instants():
    scene = sample(np.random.default_rng(2), words.SEEN[:3], 5.0)
    first, again, later = (Canvas(scene, 96, 128).at(t) for t in (1.0, 1.0, 2.0))
    assert np.array_equal(first.image, again.image) and np.array_equal(first.ids, again.ids)
    assert not np.array_equal(first.ids, later.ids)

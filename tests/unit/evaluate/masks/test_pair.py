"""Frame by frame, decoded in part, the same as on whole pictures."""

import math

import numpy as np
import pytest
from beside_truth import SIZE, clip, near, random_film, square, track, truth

from trawl.evaluate.masks.boundaries import boundary_f, boundary_iou
from trawl.evaluate.masks.pair import compare
from trawl.evaluate.masks.stability import dtssd
from trawl.evaluate.overlap import of_masks

FRAMES = 15


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_whole_pictures(seed: int) -> None:
    rng = np.random.default_rng(seed)
    real = random_film(rng, FRAMES, gone=0.4)
    ours = near(real, rng, most=10)
    scene = clip([truth(1, real)], [track("c1-0", ours)], frames=FRAMES)
    one, other = scene.video.objects[0], scene.tracks[0]
    found = compare(scene, one, other, of_masks(scene, [one], [other]).iou[:, 0, 0])

    nothing = np.zeros(SIZE, bool)
    pairs = [(ours.get(n, nothing), real.get(n, nothing)) for n in range(FRAMES)]
    there = [n for n in range(FRAMES) if n in ours or n in real]
    assert np.flatnonzero(found.there).tolist() == there
    assert found.f == pytest.approx([boundary_f(*pair, math.hypot(*SIZE)) for pair in pairs])
    assert found.boundary == pytest.approx([boundary_iou(*pair, math.hypot(*SIZE)) for pair in pairs])
    steps = [n for n in range(1, FRAMES) if {n, n - 1} & set(there)]
    assert found.flicker == pytest.approx([dtssd(pairs[n - 1], pairs[n], math.prod(SIZE)) for n in steps])
    assert (found.right, found.found, found.real) == (
        sum((a & b).sum() for a, b in pairs),
        sum(a.sum() for a, _ in pairs),
        sum(b.sum() for _, b in pairs),
    )


def test_masks_that_touch_every_border() -> None:
    full = {n: np.ones(SIZE, bool) for n in range(3)}
    scene = clip([truth(1, full)], [track("c1-0", {0: square(0, 0, 60), 1: np.ones(SIZE, bool)})], frames=3)
    one, other = scene.video.objects[0], scene.tracks[0]
    found = compare(scene, one, other, of_masks(scene, [one], [other]).iou[:, 0, 0])
    assert found.boundary[1] == found.f[1] == 1.0
    assert found.right == 60 * 60 + 60 * 80

"""Whether a picture shows a thing, wherever on it."""

import numpy as np
from color_patches import ColorPatches

from trawl.ground.anywhere import best_shares
from trawl.ground.views import AveragedTexts, view_of
from trawl.models.fakes import embedder as fakes

MODEL = ColorPatches()
VECTORS = AveragedTexts(MODEL, lambda phrase: [phrase])
VIEWS = [
    view_of(phrase, MODEL.contrast, VECTORS, MODEL.logit_scale)
    for phrase in ("a red thing", "a blue thing")
]


def picture(height: int, width: int, *colors: str) -> np.ndarray:
    """Gray, with an eighth of its width and height of each colour, from the left."""
    found = np.full((height, width, 3), fakes.COLORS["gray"], np.uint8)
    for k, color in enumerate(colors):
        found[: height // 8, k * width // 8 : (k + 1) * width // 8] = fakes.COLORS[color]
    return found


def test_a_small_thing_counts_as_much_as_a_large_one() -> None:
    large = np.full((64, 96, 3), fakes.COLORS["red"], np.uint8)
    shares = best_shares(MODEL, VIEWS, [picture(64, 96, "red"), large, picture(64, 96)])
    assert shares.shape == (3, 2) and shares.dtype == np.float32
    assert min(shares[0, 0], shares[1, 0]) > 0.9 > 0.1 > max(shares[2, 0], shares[0, 1])


def test_pictures_may_differ_in_size_and_each_phrase_has_a_patch_of_its_own() -> None:
    shares = best_shares(MODEL, VIEWS, [picture(160, 64, "red", "blue"), picture(64, 320, "blue")])
    assert (shares > 0.9).tolist() == [[True, True], [False, True]]


def test_nothing_to_look_at_and_nothing_to_look_for() -> None:
    assert best_shares(MODEL, VIEWS, []).shape == (0, 2)
    assert best_shares(MODEL, [], [picture(64, 96)]).shape == (1, 0)

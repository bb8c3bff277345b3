"""Windows of a picture as a map of it."""

import numpy as np
import pytest

from trawl.models.clip.tiled import TiledEmbedder
from trawl.models.fakes import embedder as fakes
from trawl.models.protocols import DenseEmbedder

SIDE = 2 * fakes.SIZE


def test_is_a_dense_embedder_of_pictures_twice_as_large() -> None:
    tiled = TiledEmbedder(fakes.FakeEmbedder("pad"))
    assert isinstance(tiled, DenseEmbedder)
    assert (tiled.image_spec.size, tiled.image_spec.aspect, tiled.dim) == (SIDE, "pad", fakes.DIM)
    assert "sky" in tiled.contrast


def test_each_window_is_embedded_as_a_picture_of_its_own() -> None:
    fake = fakes.FakeEmbedder()
    # more than a batch
    frames = np.random.default_rng(0).integers(0, 256, (11, SIDE, SIDE, 3), np.uint8)
    patches = TiledEmbedder(fake).embed_patches(frames)
    assert patches.shape == (11, 3, 3, fakes.DIM) and patches.dtype == np.float32
    for n, row, column in ((0, 0, 0), (3, 2, 1), (10, 1, 2)):
        y, x = row * fakes.SIZE // 2, column * fakes.SIZE // 2
        window = frames[n : n + 1, y : y + fakes.SIZE, x : x + fakes.SIZE]
        np.testing.assert_allclose(
            patches[n, row, column], fake.logit_scale * fake.embed_images(window)[0], rtol=1e-6
        )


def test_a_small_thing_is_found_in_its_corner() -> None:
    frame = np.full((1, SIDE, SIDE, 3), fakes.COLORS["gray"], np.uint8)
    frame[0, -20:, :20] = fakes.COLORS["red"]
    tiled = TiledEmbedder(fakes.FakeEmbedder())
    heat = tiled.embed_patches(frame)[0] @ tiled.embed_texts(["red"])[0]
    assert np.unravel_index(heat.argmax(), heat.shape) == (2, 0)


def test_whole_pictures_are_scaled_and_none_is_fine() -> None:
    tiled = TiledEmbedder(fakes.FakeEmbedder())
    red = np.full((2, SIDE, SIDE, 3), fakes.COLORS["red"], np.uint8)
    assert (tiled.embed_images(red) @ tiled.embed_texts(["red"])[0] > 0.9).all()
    assert tiled.embed_images(red[:0]).shape == (0, fakes.DIM)
    assert tiled.embed_patches(red[:0]).shape == (0, 3, 3, fakes.DIM)


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected uint8 pictures \(N, 64, 64, 3\)"):
        TiledEmbedder(fakes.FakeEmbedder()).embed_patches(np.zeros((1, 32, 32, 3), np.uint8))

"""The fake must be right enough to test others with."""

import numpy as np
import pytest

from trawl.models.fakes.embedder import DIM, SIZE, FakeEmbedder
from trawl.models.protocols import Embedder


def picture(rgb: tuple[int, int, int]) -> np.ndarray:
    return np.full((1, SIZE, SIZE, 3), rgb, np.uint8)


def test_is_an_embedder_of_unit_vectors() -> None:
    fake = FakeEmbedder()
    assert isinstance(fake, Embedder)
    images, texts = (
        fake.embed_images(picture((1, 2, 3))),
        fake.embed_texts(["", "red", "a blue ring on a red box"]),
    )
    assert (
        images.shape == (1, DIM)
        and texts.shape == (3, DIM)
        and images.dtype == texts.dtype == np.float32
    )
    np.testing.assert_allclose(
        np.linalg.norm(np.concatenate([images, texts]), axis=1), 1, rtol=1e-6
    )


def test_nothing_in_nothing_out() -> None:
    fake = FakeEmbedder()
    assert fake.embed_images(picture((0, 0, 0))[:0]).shape == fake.embed_texts([]).shape == (0, DIM)


@pytest.mark.parametrize(
    ("text", "rgb"),
    [
        ("a red star", (230, 30, 30)),
        ("BLUE", (20, 50, 230)),
        ("something green here", (20, 180, 60)),
    ],
    ids=["red", "upper case", "in a sentence"],
)
def test_a_colour_word_finds_its_colour_best(text: str, rgb: tuple[int, int, int]) -> None:
    fake = FakeEmbedder()
    others = [(230, 30, 30), (20, 50, 230), (20, 180, 60), (128, 128, 128)]
    scores = (
        fake.embed_images(np.concatenate([picture(c) for c in others]))
        @ fake.embed_texts([text])[0]
    )
    assert others[int(scores.argmax())] == rgb


def test_refuses_pictures_of_another_size() -> None:
    with pytest.raises(ValueError, match="expected uint8 pictures"):
        FakeEmbedder().embed_images(np.zeros((1, 8, 8, 3), np.uint8))

"""A recipe's key: the same for what embeds a frame the same way, another for anything else."""

from dataclasses import asdict, replace
from typing import Any

import pytest

from trawl.records.video import PROCESSING_VERSION, Recipe

EMBEDDER: dict[str, Any] = {
    "model": "m",
    "weights": "w",
    "sha256": "00",
    "precision": "fp32",
    "image": {"aspect": "pad"},
}
RECIPE = Recipe(EMBEDDER, {"policy": "interval", "every_s": 0.5}, "auto")


@pytest.mark.parametrize(
    "other",
    [
        *(replace(RECIPE, embedder={**EMBEDDER, name: "else"}) for name in EMBEDDER),
        replace(RECIPE, embedder={**EMBEDDER, "image": {"aspect": "squash"}}),
        replace(RECIPE, sampling={"policy": "interval", "every_s": 1.0}),
        replace(RECIPE, sampling={"policy": "keyframes", "every_s": 0.5}),
        replace(RECIPE, decoder="decord"),
        replace(RECIPE, processing_version=PROCESSING_VERSION + 1),
    ],
    ids=[*EMBEDDER, "aspect", "every_s", "policy", "decoder", "our own code"],
)
def test_whatever_changes_an_embedding_is_another_recipe(other: Recipe) -> None:
    assert other.key != RECIPE.key


def test_the_order_of_settings_is_not_part_of_a_recipe() -> None:
    assert replace(RECIPE, embedder=dict(reversed(EMBEDDER.items()))).key == RECIPE.key


def test_a_recipe_that_is_stored_keeps_its_key() -> None:
    """An index would otherwise be built anew by an upgrade."""
    assert Recipe(**asdict(RECIPE)).key == RECIPE.key == "18a5dc84ae99"

"""open_clip's tables read without open_clip, held against open_clip itself."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from trawl.config.models import EmbedderConfig
from trawl.errors import ConfigError, WeightsError
from trawl.models.clip import catalog
from trawl.models.clip import imports as slim_import

CONF = Path(__file__).parents[3] / "conf" / "embedder"


def test_agrees_with_open_clip_on_every_model_and_tag() -> None:
    open_clip = slim_import.open_clip(needs_timm=False)
    assert set(catalog.models()) == {
        name for name in open_clip.list_models() if not name.startswith("trawl-")
    }
    for model, tag in open_clip.list_pretrained():
        ours, theirs = (
            catalog.pretrained_entry(model, tag),
            open_clip.get_pretrained_cfg(model, tag),
        )
        assert ours == theirs, (model, tag)


@pytest.mark.parametrize(
    ("model", "tag", "size", "dim", "aspect", "interpolation", "timm"),
    [
        ("PE-Core-B-16", "meta", 224, 1024, "squash", "bilinear", True),
        ("ViT-B-32", "laion2b_s34b_b79k", 224, 512, "center_crop", "bicubic", False),
        ("ViT-B-16-SigLIP2-256", "webli", 256, 768, "squash", "bicubic", True),
    ],
    ids=["perception encoder", "laion", "siglip 2"],
)
def test_cards(
    model: str, tag: str, size: int, dim: int, aspect: str, interpolation: str, timm: bool
) -> None:
    card = catalog.card(model, tag)
    found = (card.size, card.dim, card.trained_aspect, card.interpolation, card.needs_timm)
    assert found == (size, dim, aspect, interpolation, timm)
    assert card.hub_repo


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_embedder_in_conf_exists_and_sees_whole_frames(path: Path) -> None:
    """A model trained on squashed pictures gets those; one trained on crops gets the whole frame
    with bars.
    """
    config = EmbedderConfig(**yaml.safe_load(path.read_text()))
    if config.kind == "openclip" and config.weights != "builtin":
        card = catalog.card(config.model, config.weights)
        assert config.aspect == {"squash": "squash", "center_crop": "pad"}[card.trained_aspect]
        assert f"{card.size} px, embeddings of {card.dim}" in path.read_text()


def test_dashes_in_a_tag_are_as_good_as_underscores() -> None:
    assert catalog.card("ViT-B-32", "LAION2B-s34b-b79k") == catalog.card(
        "ViT-B-32", "laion2b_s34b_b79k"
    )


@pytest.mark.parametrize(
    ("model", "tag", "error", "hint"),
    [
        ("ViT-B32", None, ConfigError, "did you mean 'ViT-B-32'"),
        ("ViT-B-32", "laion2b_s34b_b79", WeightsError, "did you mean 'laion2b_s34b_b79k'"),
        ("ViT-B-32", "openai", ConfigError, "embedder.model=ViT-B-32-quickgelu"),
        ("ViT-S-16", "meta", WeightsError, "names none"),
    ],
    ids=["misspelt model", "misspelt tag", "tag of the twin", "model without tags"],
)
def test_says_what_is_allowed(
    model: str, tag: str | None, error: type[Exception], hint: str
) -> None:
    with pytest.raises(error, match=hint) as caught:
        catalog.card(model, tag)
    assert "\n" not in str(caught.value)


def test_reading_the_tables_imports_no_torch() -> None:
    code = "import sys; from trawl.models.clip import catalog; catalog.card('ViT-B-32', None); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

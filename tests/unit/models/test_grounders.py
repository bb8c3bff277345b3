"""From settings to a grounder's model."""

import pickle
from pathlib import Path

import pytest

from trawl.config.models import EmbedderConfig, GrounderConfig
from trawl.errors import ConfigError, WeightsError
from trawl.models import grounders
from trawl.models.clip import embedders as registry
from trawl.models.clip.dense import DenseClip
from trawl.models.clip.openclip import OpenClipEmbedder
from trawl.models.fakes.detector import FakeDetector
from trawl.models.fakes.embedder import FakeEmbedder

DEMO = registry.resolve(EmbedderConfig("openclip", "trawl-demo-clip", "builtin"))
FAKE = registry.resolve(EmbedderConfig("fake"))


def test_the_demos_clip_is_the_index_embedder_itself_shared() -> None:
    blueprint = grounders.resolve(GrounderConfig("clip"), DEMO)
    assert blueprint.identity() == {
        "kind": "clip",
        "model": "trawl-demo-clip",
        "weights": "builtin",
        "sha256": DEMO.sha256,
        "precision": "fp32",
    }
    embedder = registry.build(DEMO, "cpu")
    model = grounders.build(pickle.loads(pickle.dumps(blueprint)), embedder, "cpu")
    assert isinstance(model, DenseClip) and model._embedder is embedder


def test_a_clip_of_its_own_is_built_beside_the_embedder() -> None:
    blueprint = grounders.resolve(
        GrounderConfig("clip", model="ViT-S-32", weights="random:3"), DEMO
    )
    assert blueprint.embedder is not None and (
        blueprint.model,
        blueprint.embedder.image.aspect,
    ) == (
        "ViT-S-32",
        "squash",
    )
    model = grounders.build(blueprint, FakeEmbedder(), "cpu")
    assert isinstance(model, DenseClip) and isinstance(model._embedder, OpenClipEmbedder)
    assert model.dim == 384


def test_the_fake() -> None:
    blueprint = grounders.resolve(GrounderConfig("fake"), FAKE)
    assert isinstance(grounders.build(blueprint, FakeEmbedder()), FakeDetector)


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        (GrounderConfig("klip"), ConfigError, "grounder.kind=klip is unknown"),
        (GrounderConfig("clip", precision="fp8"), ConfigError, "grounder.precision=fp8 is unknown"),
        (GrounderConfig("clip"), ConfigError, "colors cannot say what is where"),
        (
            GrounderConfig("clip", model="ViT-B-99", weights="x"),
            ConfigError,
            "grounder.model=ViT-B-99 is unknown",
        ),
        (
            GrounderConfig("clip", model="ViT-B-32"),
            ConfigError,
            "grounder.weights of ViT-B-32 has no value",
        ),
        (
            GrounderConfig("clip", model="ViT-B-32", weights="/no/file.pt"),
            WeightsError,
            "grounder.weights=/no/file.pt",
        ),
        (
            GrounderConfig("clip", model="PE-Core-B-16", weights="random:0"),
            ConfigError,
            "PE-Core-B-16 cannot say",
        ),
    ],
    ids=["kind", "precision", "fake embedder", "model", "no weights", "no file", "timm"],
)
def test_mistakes_are_told_in_the_settings_own_words(
    settings: GrounderConfig, error: type, says: str
) -> None:
    with pytest.raises(error, match=says):
        grounders.resolve(settings, FAKE)


def test_every_file_of_settings_is_complete_and_explains_a_kind() -> None:
    import yaml

    folder = Path(__file__).parents[3] / "conf" / "grounder"
    found = {
        path.stem: GrounderConfig(**yaml.safe_load(path.read_text()))
        for path in folder.glob("*.yaml")
    }
    assert {name: config.kind for name, config in found.items()} == {n: n for n in found}
    assert set(found) == {"clip", "owlv2", "grounding_dino", "fake"}

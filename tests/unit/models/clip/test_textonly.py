"""The numpy text tower against torch's, over the kinds of model that it serves."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trawl.config.models import EmbedderConfig
from trawl.models.clip import catalog, textonly
from trawl.models.clip import embedders as registry
from trawl.models.clip.weights import Blueprint

TEXTS = ["", "a red star", "Ünïcødé, 紅い星 🌟!", "it's &amp; isn't", "x " * 500]


def blueprint(model: str, weights: str) -> Blueprint:
    return registry.resolve(EmbedderConfig(kind="openclip", model=model, weights=weights))


@pytest.mark.parametrize(
    "model",
    ["ViT-S-32", "ViT-B-32-quickgelu", "PE-Core-S-16-384"],
    ids=["plain", "quick", "custom"],
)
def test_equals_torch(model: str, tmp_path: Path) -> None:
    """The custom model keeps its text tower under another prefix, and is checked for that alone."""
    import torch
    from safetensors.torch import save_file

    from trawl.models.clip import imports as slim_import

    config = catalog.config(model)
    oc = slim_import.open_clip(needs_timm=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        text = {**config["text_cfg"], "layers": 2}
        tower = oc.model._build_text_tower(
            config["embed_dim"], text, config.get("quick_gelu", False)
        ).eval()
    prefix = "text." if config.get("custom_text") else ""
    path = tmp_path / "tower.safetensors"
    save_file(
        {
            prefix + name: t.half() if name == "ln_final.weight" else t
            for name, t in tower.state_dict().items()
        },
        path,
    )
    ours = textonly.TextTower(textonly._read(path), {**config, "text_cfg": text})
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(
            tower(oc.get_tokenizer(model)(TEXTS)), dim=-1
        ).numpy()
    np.testing.assert_allclose(ours.embed_texts(TEXTS), expected, atol=3e-6)


def test_the_demo_model_equals_torch() -> None:
    made = blueprint("trawl-demo-clip", "builtin")
    light = textonly.tower(made)
    assert light is not None
    np.testing.assert_allclose(
        light.embed_texts(TEXTS), registry.build(made, "cpu").embed_texts(TEXTS), atol=3e-6
    )
    assert light.embed_texts([]).shape == (0, made.dim)


def test_random_weights_and_other_files_are_left_to_torch(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    assert textonly.tower(blueprint("ViT-B-32", "random:0")) is None
    pickled, foreign = tmp_path / "x.pt", tmp_path / "x.safetensors"
    pickled.write_bytes(b"")
    save_file({"weight": np.zeros(3, np.float32)}, foreign)
    assert textonly.tower(blueprint("ViT-B-32", str(pickled))) is None
    assert textonly.tower(blueprint("ViT-B-32", str(foreign))) is None
    foreign.write_bytes(b"damaged")
    assert textonly.tower(blueprint("ViT-B-32", str(foreign))) is None


def test_needs_no_torch() -> None:
    code = (
        "import sys; from trawl.config.jobs import EmbedderConfig as E; from trawl.models.clip import embedders as r;"
        "f = r.build_text(r.resolve(E(kind='openclip', model='trawl-demo-clip', weights='builtin')));"
        "print(f(['a red star']).shape, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 128) False"

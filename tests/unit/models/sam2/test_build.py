"""Models are made whatever Hydra is doing, and Hydra does not notice."""

import subprocess
import sys
from pathlib import Path

import pytest

from trawl.demo import sam2 as demo
from trawl.models.sam2.build import build

PREDICTOR = "sam2.sam2_video_predictor.SAM2VideoPredictor"


def test_makes_the_class_that_the_file_names() -> None:
    model = build(demo.config_path())
    assert type(model).__name__ == "SAM2VideoPredictor"
    assert not model.training


def test_sets_the_decoders_heads() -> None:
    layer = build(demo.config_path()).sam_mask_decoder.transformer.layers[0]
    assert layer.self_attn.num_heads == 4


def test_target_and_settings_replace_the_files() -> None:
    model = build(
        demo.config_path(), target="sam2.modeling.sam2_base.SAM2Base", max_obj_ptrs_in_encoder=7
    )
    assert type(model).__name__ == "SAM2Base"
    assert model.max_obj_ptrs_in_encoder == 7


def test_official_configuration_instantiates() -> None:
    import importlib.util

    spec = importlib.util.find_spec("sam2")
    assert spec is not None and spec.origin is not None
    model = build(Path(spec.origin).parent / "configs" / "sam2.1" / "sam2.1_hiera_t.yaml")
    assert sum(p.numel() for p in model.parameters()) == 38_962_498  # as published: 38.9 M
    assert model.image_size == 1024


APPLICATION = """
import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig
from trawl.demo import sam2 as demo
from trawl.models.sam2.build import build

{before}

@hydra.main(version_base=None)
def main(config: DictConfig) -> None:
    assert GlobalHydra.instance().is_initialized()
    mine = GlobalHydra.instance().hydra
    build(demo.config_path())
    assert GlobalHydra.instance().hydra is mine

main()
build(demo.config_path())
"""


@pytest.mark.parametrize(
    "before", ["", "build(demo.config_path()); assert not GlobalHydra.instance().is_initialized()"]
)
def test_works_before_inside_and_after_an_application(before: str, tmp_path: Path) -> None:
    script = tmp_path / "application.py"
    script.write_text(APPLICATION.format(before=before))
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr

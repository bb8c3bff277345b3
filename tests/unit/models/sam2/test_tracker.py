"""Loading: checkpoints as they are found, devices and precisions; and the official architecture end
to end.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from trawl.config.models import TrackerConfig
from trawl.demo import sam2 as demo
from trawl.errors import ConfigError, WeightsError
from trawl.models import precision
from trawl.models.int8 import Int8Linear
from trawl.models.sam2 import weights as sam2_weights
from trawl.models.sam2.build import build
from trawl.models.sam2.tracker import Sam2Tracker, load, make
from trawl.records.tracking import Prompt

BOX = Prompt(1, 0, box=np.array([5, 5, 40, 40], np.float32))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return build(demo.config_path()).state_dict()


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (3, 64, 96, 3)).astype(np.uint8)


def blueprint(weights: str, **others):
    return sam2_weights.resolve(TrackerConfig("sam2", demo.MODEL_NAME, weights, **others))


@pytest.mark.parametrize("inside", [True, False], ids=["under model", "at the top"])
def test_reads_checkpoints_of_sam2s_own_training(state: dict, tmp_path: Path, inside: bool) -> None:
    path = tmp_path / "x.pt"
    torch.save({"model": state, "epoch": 3} if inside else state, path)
    model = make(blueprint(str(path)))
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in state.items())
    assert not model.training and not any(p.requires_grad for p in model.parameters())


def test_reads_safetensors(state: dict, tmp_path: Path) -> None:
    demo.save(state, tmp_path / "x.safetensors")
    model = make(blueprint(str(tmp_path / "x.safetensors")))
    assert all(
        torch.equal(model.state_dict()[name], tensor.half().float())
        for name, tensor in state.items()
    )


@pytest.mark.parametrize("content", [b"not a checkpoint", {"model": {"x": torch.zeros(1)}}, [1, 2]])
def test_a_file_of_something_else_is_one_line(tmp_path: Path, content: object) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(WeightsError, match="holds no weights of trawl-demo-sam2") as error:
        make(blueprint(str(path)))
    assert "\n" not in str(error.value)


def test_a_seed_is_a_model_and_leaves_the_process_as_it_was() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    one, again, other = (make(blueprint(f"random:{seed}")).state_dict() for seed in (4, 4, 5))
    assert torch.equal(torch.random.get_rng_state(), before)
    name = "memory_attention.layers.0.linear1.weight"
    assert torch.equal(one[name], again[name]) and not torch.equal(one[name], other[name])


def test_official_models_get_what_sam2s_own_builder_adds() -> None:
    model = make(
        sam2_weights.resolve(TrackerConfig("sam2", "sam2.1_hiera_tiny", "random:0", image_size=64))
    )
    assert model.binarize_mask_from_pts_for_mem_enc and model.image_size == 64
    decoder = model.sam_mask_decoder
    assert (
        decoder.dynamic_multimask_via_stability
        and decoder.dynamic_multimask_stability_thresh == 0.98
    )
    assert not make(blueprint("random:0")).sam_mask_decoder.dynamic_multimask_via_stability


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_one_line(device: str) -> None:
    with pytest.raises(ConfigError, match=f"device={device}"):
        load(blueprint("random:0"), device)


def test_bf16_weights_change_nothing_under_autocast(
    frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored in bf16 or cast on every use: the same masks and scores."""
    # whatever this machine's CPU has
    monkeypatch.setattr(precision, "computed", lambda word, device: word)
    stored = Sam2Tracker(make(blueprint("random:0")), "bf16")
    monkeypatch.setattr(precision, "lower", lambda model, word: torch.bfloat16)
    cast = Sam2Tracker(make(blueprint("random:0")), "bf16")
    assert cast.model.memory_attention.layers[0].linear1.weight.dtype == torch.float32
    assert stored.model.memory_attention.layers[0].linear1.weight.dtype == torch.bfloat16
    for a, b in zip(
        stored.open(frames).propagate([BOX]), cast.open(frames).propagate([BOX]), strict=True
    ):
        assert np.array_equal(a.masks, b.masks)
        np.testing.assert_array_equal(a.scores, b.scores)


@pytest.mark.parametrize("word", ["bf16", "fp16", "int8"])
def test_masks_of_every_precision_are_those_of_fp32_to_few_pixels(
    word: str, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "computed", lambda word, device: word)
    whole, less = (
        list(load(blueprint("builtin", precision=p), "cpu").open(frames).propagate([BOX]))
        for p in ("fp32", word)
    )
    assert [f.position for f in less] == [0, 1, 2]
    assert max((a.masks != b.masks).mean() for a, b in zip(whole, less, strict=True)) < 0.03
    # Equal scores would mean that the setting does nothing.
    assert (
        0 < max(np.abs(a.scores - b.scores).max() for a, b in zip(whole, less, strict=True)) < 0.1
    )


def test_int8_leaves_the_mask_decoder_and_what_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "computed", lambda word, device: word)
    model = Sam2Tracker(make(blueprint("random:0")), "int8").model
    found = {
        name.split(".")[0] for name, part in model.named_modules() if isinstance(part, Int8Linear)
    }
    assert found == {"image_encoder", "memory_attention"}


def test_what_the_cpu_lacks_is_computed_in_fp32(
    frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "cpu_has", lambda word: False)
    whole, asked = (load(blueprint("random:0", precision=p), "cpu") for p in ("fp32", "fp16"))
    for a, b in zip(
        whole.open(frames).propagate([BOX]), asked.open(frames).propagate([BOX]), strict=True
    ):
        np.testing.assert_array_equal(a.masks, b.masks)
        np.testing.assert_array_equal(a.scores, b.scores)


def test_compiling_without_a_compiler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        ConfigError, match=r"tracker.compile=true needs a compiler.*no-such-compiler"
    ) as error:
        load(blueprint("random:0", compile=True), "cpu")
    assert "\n" not in str(error.value)


def test_a_model_that_the_session_cannot_follow_is_refused() -> None:
    model = build(demo.config_path(), max_cond_frames_in_attn=4)
    with pytest.raises(ValueError, match="max_cond_frames_in_attn=4 is not supported"):
        Sam2Tracker(model)


def test_sam21_tiny_runs_end_to_end_at_its_own_size() -> None:
    """The official architecture, 1024 px, fresh weights: a prompt and a tracked frame, on the CPU."""
    tracker = load(
        sam2_weights.resolve(TrackerConfig("sam2", "sam2.1_hiera_tiny", "random:0")), "cpu"
    )
    frames = np.random.default_rng(0).integers(0, 255, (2, 180, 320, 3)).astype(np.uint8)
    seen = list(tracker.open(frames).propagate([BOX]))
    assert [f.position for f in seen] == [0, 1]
    assert all(f.masks.shape == (1, 180, 320) and 0 <= f.scores[0] <= 1 for f in seen)

"""Pictures as sam2's own loader prepares them; features within a bound."""

from pathlib import Path

import numpy as np
import pytest
import torch

from trawl.config.models import TrackerConfig
from trawl.demo import sam2 as demo
from trawl.models.sam2 import weights as sam2_weights
from trawl.models.sam2.images import ImageFeatures, pixels
from trawl.models.sam2.tracker import make

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    return make(sam2_weights.resolve(TrackerConfig("sam2", demo.MODEL_NAME, "random:0")))


@pytest.mark.parametrize("shape", [(90, 140), (300, 200), (128, 128), (40, 33)])
def test_equals_sam2s_own_loader(shape: tuple[int, int], tmp_path: Path) -> None:
    from PIL import Image
    from sam2.utils.misc import load_video_frames_from_jpg_images

    frame = np.random.default_rng(0).integers(80, 176, (*shape, 3)).astype(np.uint8)
    Image.fromarray(frame).save(tmp_path / "0.png")
    # no JPEG, so that nothing is lost; Pillow looks inside
    (tmp_path / "0.png").rename(tmp_path / "0.jpg")
    theirs, *_ = load_video_frames_from_jpg_images(str(tmp_path), 128, True, compute_device=CPU)
    levels = (
        (pixels(frame, 128, CPU) - theirs[0]).abs().amax(dim=(1, 2))
        * torch.tensor([0.229, 0.224, 0.225])
        * 255
    )
    assert levels.max() < 1.01


def test_frames_that_cannot_be_written_to_are_taken_as_they_are(
    recwarn: pytest.WarningsRecorder,
) -> None:
    frame = np.full((20, 30, 3), 7, np.uint8)
    frame.flags.writeable = False
    assert pixels(frame, 64, CPU).shape == (3, 64, 64)
    assert not recwarn.list


def test_keeps_no_more_than_its_bound(model) -> None:
    frames = np.zeros((9, 32, 32, 3), np.uint8)
    with torch.inference_mode():
        one = ImageFeatures(model, frames, 1, 1).get(0).num_bytes
        features = ImageFeatures(model, frames, 3 * one, 2)
        for position in range(9):
            features.get(position, range(position + 1, 9))
            assert features._bytes == len(features._kept) * one <= 3 * one
        features.clear()
        assert not features._kept and features._bytes == 0


def test_the_least_recently_used_goes_first(model) -> None:
    frames = np.zeros((4, 32, 32, 3), np.uint8)
    with torch.inference_mode():
        one = ImageFeatures(model, frames, 1, 1).get(0).num_bytes
        features = ImageFeatures(model, frames, 2 * one, 1)
        for position in (0, 1, 0, 2):
            features.get(position)
    assert set(features._kept) == {0, 2}


def test_a_frame_is_the_same_alone_and_in_a_batch(model) -> None:
    frames = np.random.default_rng(1).integers(0, 255, (3, 64, 64, 3)).astype(np.uint8)
    with torch.inference_mode():
        batched = ImageFeatures(model, frames, 2**30, 3)
        batched.get(0, range(1, 3))
        for position in range(3):
            alone = ImageFeatures(model, frames, 2**30, 1).get(position)
            torch.testing.assert_close(batched.get(position).top, alone.top, atol=1e-5, rtol=1e-4)
